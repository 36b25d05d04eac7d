//! Over the ledger on disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use resilience::{Error, Exclusive, Kind, Runtime, context};

use crate::Paused;

static JOB: Exclusive = Exclusive::new("job").lease(Duration::from_mins(10));
static WAITS: Exclusive = Exclusive::new("job").lease(Duration::from_mins(10)).waiting();

async fn token(job: &Exclusive) -> Result<u64, Error> {
    job.run(async || Ok(context::fencing_token().expect("a token"))).await
}

async fn open(folder: &Path) -> Runtime {
    Runtime::open(&format!("file:{}", folder.display())).await.expect("it opens")
}

/// A runner in a process of its own that has the right.
async fn holder(runtime: &Runtime) -> Paused<'_, Result<u64, Error>> {
    let runs = Arc::new(AtomicBool::new(false));
    let begun = Arc::clone(&runs);
    let mut holder = Paused(Box::pin(runtime.scope(JOB.run(async move || {
        begun.store(true, Ordering::SeqCst);
        std::future::pending().await
    }))));
    while !runs.load(Ordering::SeqCst) {
        assert!(holder.go_on().is_none());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    holder
}

#[tokio::test]
async fn who_waits_is_woken_by_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let runtime = open(folder.path()).await;
    let holder = holder(&runtime).await;
    let ends = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(holder);
    };
    let waits = tokio::time::timeout(Duration::from_mins(1), runtime.scope(token(&WAITS)));
    let (token, ()) = tokio::join!(waits, ends);
    assert!(token.is_ok_and(|token| token.is_ok()), "long before the lease ends");
}

#[tokio::test]
async fn the_token_grows_over_a_crash_and_the_dead_keep_nobody_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let (before, after) = (folder.path().join("before"), folder.path().join("after"));
    let runtime = open(&before).await;
    let first = runtime.scope(token(&JOB)).await.expect("free");
    let holder = holder(&runtime).await;
    let held = runtime.scope(token(&JOB)).await.expect_err("held");
    assert_eq!((held.kind(), held.may_have_run()), (Kind::Held, false));
    // What a machine finds that starts again.
    fs::create_dir(&after).expect("a new folder");
    for file in walk(&before) {
        let to = after.join(file.strip_prefix(&before).expect("within"));
        fs::create_dir_all(to.parent().expect("a folder")).expect("it can be made");
        fs::copy(&file, to).expect("it can be copied");
    }
    holder.kill();
    let restarted = open(&after).await;
    let second = restarted.scope(token(&JOB)).await.expect("free at once");
    assert!(second > first + 1, "{second} after {first} and the one that died");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it can be read").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
