//! The checkout example, killed again and again, alone and as a fleet: each order is charged once.
#![cfg(unix)]
#![allow(missing_docs)]

#[path = "support/example.rs"]
mod example;

use std::collections::HashMap;
use std::fs;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use resilience_servers::{Persistence, Postgres, Redis, need};

const ORDERS: usize = 40;

#[test]
fn a_killed_checkout_goes_on() {
    survives("checkout", |checkout| checkout.kill().expect("it runs"));
}

#[test]
fn so_it_does_when_the_gateway_dies_with_it() {
    survives("both", |checkout| signal_group(checkout, "KILL"));
}

#[test]
fn an_interrupted_checkout_goes_on() {
    survives("interrupt", |checkout| {
        signal_group(checkout, "INT");
        assert_eq!(checkout.wait().expect("it ends").code(), Some(130));
    });
}

/// As a terminal does: to the group that `start` has made, with the shell's own `kill`.
fn signal_group(checkout: &Child, signal: &str) {
    let sent = Command::new("sh").args(["-c", &format!("kill -{signal} -{}", checkout.id())]).status();
    assert!(sent.expect("a shell").success());
}

/// Stops a run two times, a third and two thirds through its orders, and lets it end.
fn survives(name: &str, stop: impl Fn(&mut Child)) {
    let example = example::build("checkout");
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("checkout-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    for orders in [ORDERS / 3, ORDERS * 2 / 3] {
        let mut checkout = start(&example, &dir);
        let until = Instant::now() + Duration::from_secs(20);
        while charges(&dir).len() < orders {
            assert!(Instant::now() < until, "it does not come to {orders} orders");
            assert!(checkout.try_wait().expect("it can be waited for").is_none(), "it ended by itself");
            sleep(Duration::from_millis(5));
        }
        stop(&mut checkout);
        checkout.wait().expect("it has ended");
    }

    let mut checkout = start(&example, &dir);
    let mut said = String::new();
    checkout.stdout.take().expect("a pipe").read_to_string(&mut said).expect("it is text");
    assert!(checkout.wait().expect("it ends").success());
    let report = said.lines().last().unwrap_or_default();
    for field in [r#""charged_once":40"#, r#""double_charged":0"#, r#""lost":0"#, r#""resumed":true"#] {
        assert!(report.contains(field), "{field}: {report}");
    }
    let charges = charges(&dir);
    assert!(charges.len() == ORDERS && charges.values().all(|times| *times == 1), "{charges:?}");
    fs::remove_dir_all(dir).expect("it is ours");
}

fn start(example: &Path, dir: &Path) -> Child {
    let mut command = Command::new(example);
    command.args(["--orders=40", "--faults=harsh", "--json", "--dir"]).arg(dir);
    command.stdout(Stdio::piped()).process_group(0).spawn().expect("it starts")
}

/// How often each order was charged, as the book has it.
fn charges(dir: &Path) -> HashMap<String, u32> {
    let book = fs::read_to_string(dir.join("book")).unwrap_or_default();
    let mut charges = HashMap::new();
    // A row without its end is being written.
    for row in book.split_inclusive('\n').filter(|row| row.ends_with('\n')) {
        if let Some(("effect", order)) = row.split(',').next().zip(row.split(',').nth(1)) {
            *charges.entry(order.to_owned()).or_default() += 1;
        }
    }
    charges
}

#[test]
fn three_workers_share_a_postgres() {
    need!(Postgres);
    let server = Postgres::start();
    shares("postgres", &server.url());
}

#[test]
fn three_workers_share_a_redis() {
    need!(Redis);
    let server = Redis::start(Persistence::AofEverySecond);
    shares("redis", &server.url());
}

/// Two workers of three die under way, one after the other, and others take their places.
fn shares(name: &str, backend: &str) {
    let example = example::build("checkout");
    let dir = tempfile::Builder::new().prefix(name).tempdir().expect("a folder");
    let mut command = Command::new(&example);
    command.args(["--orders=80", "--faults=harsh", "--workers=3", "--json", "--backend", backend, "--dir"]);
    command.arg(dir.path()).stdout(Stdio::piped());
    let mut checkout = command.spawn().expect("it starts");
    for orders in [20, 40] {
        let until = Instant::now() + Duration::from_secs(40);
        while charges(dir.path()).len() < orders {
            assert!(Instant::now() < until, "it does not come to {orders} orders");
            sleep(Duration::from_millis(5));
        }
        let worker = worker_of(checkout.id());
        assert!(Command::new("kill").args(["-9", &worker]).status().expect("it starts").success());
    }
    let mut said = String::new();
    checkout.stdout.take().expect("a pipe").read_to_string(&mut said).expect("it is text");
    assert!(checkout.wait().expect("it ends").success());
    let report = said.lines().last().unwrap_or_default();
    for field in [r#""charged_once":80"#, r#""double_charged":0"#, r#""lost":0"#, r#""workers":3"#] {
        assert!(report.contains(field), "{field}: {report}");
    }
}

/// One of the processes that this one has started as a worker.
fn worker_of(parent: u32) -> String {
    let children = fs::read_dir("/proc").expect("a Linux").flatten().filter(|process| {
        let read = |file| fs::read_to_string(process.path().join(file)).unwrap_or_default();
        let is_child = read("status").lines().any(|line| line == format!("PPid:\t{parent}"));
        is_child && read("cmdline").split('\0').nth(1) == Some("worker")
    });
    let mut children: Vec<_> =
        children.map(|process| process.file_name().to_string_lossy().into_owned()).collect();
    children.swap_remove(fastrand::usize(..children.len()))
}
