//! The runtime of a process: each case in a process of its own, which this file starts.
#![allow(missing_docs)]

mod support;

use std::process::Command;

use resilience::{InstallError, Runtime, circuit_breaker, retry, timeout};
use support::{Good, Reply, Service, Transient, word};

/// Runs one of the ignored tests below in a process of its own.
fn alone(case: &str, backend: Option<&str>) {
    let mut command = Command::new(std::env::current_exe().expect("the path of this test"));
    command.args(["--exact", case, "--ignored", "--nocapture"]).env_remove("RESILIENCE_BACKEND");
    if let Some(backend) = backend {
        command.env("RESILIENCE_BACKEND", backend);
    }
    let output = command.output().expect("it starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{case}: {said}");
}

macro_rules! cases {
    ($($name:ident = $case:ident, $backend:expr;)*) => {$(
        #[test]
        fn $name() {
            alone(concat!("alone_", stringify!($case)), $backend);
        }
    )*};
}

cases! {
    once = once, None;
    twice_is_an_error = twice, None;
    too_late_after_a_call = too_late, None;
    too_late_after_a_breaker_alone = too_late_breaker, None;
    a_scope_before_it_is_fine = after_scope, None;
    the_variable_can_be_missing = from_env, None;
    the_variable_can_say_memory = from_env, Some("memory:");
    a_bad_variable_is_named = bad_env, Some("reddis://user:secret@host");
    an_empty_variable_is_named = empty_env, Some("");
}

#[timeout(ms = 500)]
async fn call() -> Reply {
    Service::new([Good]).call().await
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_once() {
    assert_eq!(Runtime::builder().memory().build().install(), Ok(()));
    assert_eq!(word(&call().await), "ok");
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_twice() {
    assert_eq!(Runtime::builder().memory().build().install(), Ok(()));
    assert_eq!(Runtime::builder().memory().build().install(), Err(InstallError::Twice));
    assert_eq!(word(&call().await), "ok");
    let error = Runtime::builder().build().install().expect_err("still");
    assert_eq!(error, InstallError::Twice);
    assert!(error.to_string().contains("installed already"), "{error}");
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_too_late() {
    let unpolled = call();
    drop(unpolled);
    assert_eq!(word(&call().await), "ok");
    let error = Runtime::builder().memory().build().install().expect_err("too late");
    assert_eq!(error, InstallError::TooLate);
    assert!(error.to_string().contains("before any call"), "{error}");
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_too_late_breaker() {
    #[circuit_breaker]
    async fn guarded() -> Reply {
        Service::new([Good]).call().await
    }
    assert_eq!(word(&guarded().await), "ok");
    assert_eq!(Runtime::builder().build().install(), Err(InstallError::TooLate));
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_after_scope() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn repeated(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Good]);
    assert_eq!(word(&Runtime::builder().build().scope(repeated(&service)).await), "ok");
    assert_eq!(word(&Runtime::builder().build().scope(call()).await), "ok");
    drop(call());
    assert_eq!(Runtime::builder().build().install(), Ok(()), "nothing ran outside of a scope");
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_from_env() {
    let runtime = Runtime::from_env().await.expect("a good variable, or none");
    assert_eq!(runtime.install(), Ok(()));
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_bad_env() {
    let error = Runtime::from_env().await.expect_err("a bad variable").to_string();
    for part in ["RESILIENCE_BACKEND", "`reddis://***`", "memory:"] {
        assert!(error.contains(part), "{part} is missing: {error}");
    }
    assert!(!error.contains("secret") && !error.contains("user"), "{error}");
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_empty_env() {
    let error = Runtime::from_env().await.expect_err("an empty variable").to_string();
    assert!(error.contains("RESILIENCE_BACKEND") && error.contains("memory:"), "{error}");
}
