//! A folder is copied while the ledger works.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use resilience::Runtime;
use tempfile::TempDir;

use crate::child::Running;
use crate::kill::Ledger;
use crate::power::result;
use crate::work::{self, History, Log, Op};
use crate::{copy, opened, try_copy, try_open, url};

const COPIES: usize = 6;
const CUTS: usize = 12;
/// How many of its latest results a copy is asked for.
const ASKED: usize = 150;
/// Results that make the store flush and rewrite its files.
const SIZE: usize = 30_000;

/// With operations for as long as somebody looks.
fn busy() -> Ledger {
    Ledger::new(SIZE, 100_000)
}

/// A ledger that is worked on, and who does.
fn worked_on() -> (Ledger, Running) {
    let ledger = busy();
    let mut worker = ledger.child(1);
    worker.heard("open");
    (ledger, worker)
}

fn work_a_while() {
    sleep(Duration::from_millis(fastrand::u64(50..400)));
}

/// A snapshot of the disk: it opens, nothing that was returned is lost, and what ran can go on, as after a kill.
#[tokio::test]
async fn at_one_moment() {
    let (ledger, mut worker) = worked_on();
    let mut enough = 0;
    for _ in 0..COPIES {
        work_a_while();
        worker.freeze();
        let mut taken = busy();
        copy(ledger.place.path(), taken.place.path());
        taken.look().await;
        println!("{:?}", taken.seen);
        enough += usize::from(taken.seen.is_enough());
        worker.thaw();
    }
    worker.kill();
    assert!(enough > 0, "nothing was interrupted");
}

/// The power fails at that moment, and the end of the journal is not on disk. The more of it there is, the more results
/// there are, and the whole has all.
#[tokio::test]
async fn at_one_moment_with_a_part_of_the_journal() {
    let (ledger, mut worker) = worked_on();
    work_a_while();
    worker.freeze();
    let history = History::read(ledger.place.path());
    let journal = fs::read(newest_journal(&ledger.folder())).expect("a journal");
    let end = journal.iter().rposition(|byte| *byte != 0).expect("it holds something") + 1;
    // What made the folder a ledger was synced before.
    let mut cuts: Vec<_> = (0..CUTS).map(|_| fastrand::usize(end / 8..end)).collect();
    cuts.sort_unstable();
    let mut shorter = BTreeSet::new();
    for at in cuts.into_iter().chain([end]) {
        let kept = kept_in_a_copy(&ledger, &journal[..at], &history).await;
        assert!(kept.is_superset(&shorter), "cut at {at} of {end}: {kept:?} after {shorter:?}");
        shorter = kept;
    }
    assert!(history.returned.keys().all(|op| shorter.contains(op)), "all that was returned");
    worker.kill();
}

/// What has a result in a copy with another journal. The results are true.
async fn kept_in_a_copy(ledger: &Ledger, journal: &[u8], history: &History) -> BTreeSet<Op> {
    let place = tempfile::tempdir().expect("a folder");
    let taken = place.path().join("ledger");
    copy(&ledger.folder(), &taken);
    fs::write(newest_journal(&taken), journal).expect("it can be written");
    let log = Log::open(place.path(), 2, SIZE);
    let runtime = opened(try_open(&taken).await);
    let mut kept = BTreeSet::new();
    for (op, runs) in &history.effects {
        if let Some(json) = result(&runtime, *op).await {
            assert!(
                runs.iter().any(|run| json == format!("{:?}", log.value(*op, run.fence))),
                "{op}: {json}"
            );
            kept.insert(*op);
        }
    }
    kept
}

fn newest_journal(folder: &Path) -> PathBuf {
    let files =
        fs::read_dir(folder.join("records")).expect("a folder").map(|entry| entry.expect("one").path());
    let journals = files.filter(|path| path.extension().is_some_and(|end| end == "jnl"));
    journals.max_by_key(|path| path.file_stem()?.to_str()?.parse::<u64>().ok()).expect("a journal")
}

/// Such a copy has no one moment: the journal of one and the tables of another can come together, and where a journal
/// was written to under the copy it has holes. It opens or says why not, and whichever results it has are true.
#[tokio::test]
async fn file_by_file() {
    let (ledger, mut worker) = worked_on();
    let mut opens = 0;
    for _ in 0..COPIES {
        worker.thaw();
        work_a_while();
        // What has returned before the copy begins is on disk.
        let before = History::read(ledger.place.path());
        let taken = copied(&ledger.folder());
        worker.freeze();
        match try_open(taken.path()).await {
            Ok(runtime) => {
                println!("opens, {} of its latest results lost", lost(&runtime, &before).await);
                opens += 1;
            }
            Err(error) => {
                let said = error.to_string();
                println!("{said}");
                let known =
                    ["its files cannot be read: ", "its folder `records` is ", "its journal is damaged "];
                let is = |known: &str| said.starts_with(&format!("`{}`: {known}", url(taken.path())));
                assert!(known.into_iter().any(is), "{said}");
            }
        }
    }
    println!("{opens} of {COPIES} copies open");
    worker.kill();
}

/// A file that goes away under a copy makes it fail, as `cp` does, and it is taken again.
fn copied(folder: &Path) -> TempDir {
    for _ in 0..20 {
        let taken = tempfile::tempdir().expect("a folder");
        match try_copy(folder, taken.path()) {
            Ok(()) => return taken,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound, "{error}"),
        }
    }
    panic!("no copy is taken before a file goes away");
}

/// How many of the latest results are not there, so that the operation runs. The others are true.
async fn lost(runtime: &Runtime, before: &History) -> usize {
    let elsewhere = tempfile::tempdir().expect("a folder");
    let log = Log::open(elsewhere.path(), 2, SIZE);
    let mut latest: Vec<_> = before.returned.iter().map(|(op, runs)| (runs[0].fence, *op)).collect();
    latest.sort_unstable();
    let mut lost = 0;
    for (fence, op) in latest.into_iter().rev().take(ASKED) {
        let value = runtime.scope(work::run(op, &log)).await.expect("it is kept, or runs");
        match &log.take_ran()[..] {
            [] => assert!(value == log.value(op, fence), "{op} has another value"),
            _ => lost += 1,
        }
    }
    lost
}
