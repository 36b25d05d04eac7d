//! A folder has one owner.

use std::time::{Duration, Instant};

use resilience::OpenError;

use crate::child::{Running, command, place, say};
use crate::work::{self, Log, Op};
use crate::{opened, snapshot, try_open, url};

/// An owner that was just killed may hold the lock for a moment: who comes waits half a second for it.
const SOON: Duration = Duration::from_millis(1_500);

#[track_caller]
fn names(error: &OpenError, url: &str, process: u32) {
    let said = error.to_string();
    let expected = [format!("`{url}`"), format!("process {process} ("), "one owner".to_owned()];
    assert!(expected.iter().all(|part| said.contains(part)), "{said}");
}

#[tokio::test]
async fn another_process_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut owner = Running::start(&mut command("owners::alone_owns", folder.path()));
    owner.heard("open");
    let before = snapshot(folder.path());
    let start = Instant::now();
    let error = try_open(folder.path()).await.expect_err("it has an owner");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    names(&error, &url(folder.path()), owner.id());
    assert_eq!(snapshot(folder.path()), before, "nothing was changed");

    owner.kill();
    let start = Instant::now();
    let runtime = opened(try_open(folder.path()).await);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    // What the owner did is there.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let log = Log::open(elsewhere.path(), 0, 0);
    let value = runtime.scope(work::run(Op::of(1), &log)).await.expect("it is kept");
    assert!(value.starts_with("charge 1 by "), "{value}");
    assert_eq!(log.take_ran(), []);
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_owns() {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let log = Log::open(elsewhere.path(), 0, 0);
    let runtime = opened(try_open(&place()).await);
    runtime.scope(work::run(Op::of(1), &log)).await.expect("it runs");
    say("open");
    // Somebody kills it before.
    tokio::time::sleep(Duration::from_secs(20)).await;
    panic!("nobody came");
}

#[tokio::test]
async fn this_process_has_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = opened(try_open(folder.path()).await);
    let also_first = first.clone();
    drop(first);
    let before = snapshot(folder.path());
    let start = Instant::now();
    let error = try_open(folder.path()).await.expect_err("a clone has it");
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    names(&error, &url(folder.path()), std::process::id());
    assert_eq!(snapshot(folder.path()), before, "nothing was changed");
    drop(also_first);
    opened(try_open(folder.path()).await);
}
