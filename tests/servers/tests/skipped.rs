//! A test whose server is missing.

use std::fs;
use std::process::{Command, Output};

use resilience_servers::SKIPPED;

/// Runs the case below where there is no Redis.
fn run(set: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", "in_a_module::needs_redis", "--ignored", "--nocapture"]);
    command
        .env("PATH", "/nowhere")
        .env_remove("CI")
        .env_remove("RESILIENCE_REQUIRE_SERVERS")
        .env_remove(SKIPPED);
    command.envs(set.iter().copied()).output().expect("it starts")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

mod in_a_module {
    use resilience_servers::need;

    /// It passes only where it does not run.
    #[test]
    #[ignore = "a process of other tests"]
    fn needs_redis() {
        let body = async {
            need!(Redis);
            panic!("it ran");
        };
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::pin::pin!(body).poll(&mut task).is_ready());
    }
}

#[test]
fn it_is_listed_by_name() {
    let list = std::env::temp_dir().join(format!("resilience-skipped-{}", std::process::id()));
    for _ in 0..2 {
        let output = run(&[(SKIPPED, list.to_str().expect("plain text")), ("CI", "false")]);
        assert!(output.status.success(), "{}", said(&output));
    }
    let listed = fs::read_to_string(&list).expect("it was listed");
    fs::remove_file(&list).expect("it is there");
    let line = "resilience-servers::skipped::in_a_module::needs_redis: neither redis-server nor valkey-server is in PATH\n";
    assert_eq!(listed, line.repeat(2));
    assert!(said(&run(&[])).contains(&format!("skipped {line}")));
}

#[test]
fn it_fails_where_servers_are_required() {
    for name in ["CI", "RESILIENCE_REQUIRE_SERVERS"] {
        let output = run(&[(name, "1")]);
        assert!(!output.status.success());
        assert!(said(&output).contains("`cargo xtask servers` sets it up"), "{}", said(&output));
    }
}
