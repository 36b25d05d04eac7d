//! A folder is copied, file by file, while the ledger works.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resilience::spawn;

use crate::work::{self, History, Log, Op};
use crate::{copy, opened, try_open, url};

const COPIES: usize = 10;
/// How many of its latest results a copy is asked for.
const ASKED: usize = 150;

/// A copy has no one moment: the journal of one and the tables of another can come together. It opens or says why not,
/// and whichever results it has are true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load() {
    let place = tempfile::tempdir().expect("a folder");
    let live = place.path().join("live");
    let log = Arc::new(Log::open(place.path(), 1, 30_000));
    let runtime = opened(try_open(&live).await);
    let over = Arc::new(AtomicBool::new(false));
    let task = |task: u32| {
        let (log, over) = (Arc::clone(&log), Arc::clone(&over));
        spawn(async move {
            let mut keys = (task..).step_by(8);
            while !over.load(Ordering::Relaxed) {
                let op = Op::of(keys.next().expect("without end"));
                let value = work::run(op, &log).await.expect("it runs");
                log.returned(op, work::fence(&value).expect("a value"));
            }
        })
    };
    let tasks = runtime.scope(async { (0..8).map(task).collect::<Vec<_>>() }).await;
    let mut opens = 0;
    for _ in 0..COPIES {
        // What has returned before the copy begins is on disk.
        let before = History::read(place.path());
        let copied = place.path().join("copy");
        let (from, to) = (live.clone(), copied.clone());
        tokio::task::spawn_blocking(move || copy(&from, &to)).await.expect("no panic");
        match try_open(&copied).await {
            Ok(copy) => {
                let elsewhere = tempfile::tempdir().expect("a folder");
                let asked = Log::open(elsewhere.path(), 2, 30_000);
                let mut lost = 0;
                let mut latest: Vec<_> =
                    before.returned.iter().map(|(op, runs)| (runs[0].fence, *op)).collect();
                latest.sort_unstable();
                let asked_for = latest.len().min(ASKED);
                for &(fence, op) in &latest[latest.len() - asked_for..] {
                    let value = copy.scope(work::run(op, &asked)).await.expect("it is kept, or runs");
                    match &asked.take_ran()[..] {
                        [] => assert!(value == asked.value(op, fence), "{op} has another value"),
                        _ => lost += 1,
                    }
                }
                println!("{} results, {lost} of the last {asked_for} lost", latest.len());
                opens += 1;
            }
            Err(error) => {
                println!("{error}");
                assert!(error.to_string().starts_with(&format!("`{}`: its f", url(&copied))), "{error}");
            }
        }
        std::fs::remove_dir_all(copied).expect("it goes away");
    }
    over.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("no panic");
    }
    println!("{opens} of {COPIES} copies open");
}
