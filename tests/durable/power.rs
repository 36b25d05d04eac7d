//! The power fails: the end of the journal is missing, or is not what was written.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use resilience::{EntryState, IdempotencyKey, OpenError, Runtime};
use tempfile::TempDir;

use crate::work::{self, Log, Op};
use crate::{copy, opened, try_open};

const RESULTS: u32 = 100;
const RUNNING: u32 = 30;
const SECTOR: usize = 512;
const PAGE: usize = 4096;

/// A ledger as it was on disk when the power failed.
struct Remains {
    place: TempDir,
    log: Log,
    /// What was completed, in order, and with which fence.
    done: Vec<(Op, u64)>,
    running: Vec<Op>,
    journal: Vec<u8>,
}

impl Remains {
    /// Results one after the other, each of them synced, and then claims that run.
    async fn make(size: usize) -> Self {
        let place = tempfile::tempdir().expect("a folder");
        let log = Log::open(place.path(), 0, size);
        let runtime = opened(try_open(&place.path().join("live")).await);
        let mut done = Vec::new();
        for op in (0..RESULTS).map(Op::of) {
            let reply = runtime.scope(work::run(op, &log)).await.expect("it runs");
            done.push((op, work::fence(&reply).expect("a value")));
        }
        log.take_ran();
        let running: Vec<_> = (RESULTS..RESULTS + RUNNING).map(Op::of).collect();
        let mut claims = Vec::new();
        for op in &running {
            claims.push(work::hang(&runtime, *op, &log).await);
        }
        let last = Op::of(u32::MAX); // not once
        // Its sync is behind all of them.
        let reply = runtime.scope(work::run(last, &log)).await.expect("it runs");
        done.push((last, work::fence(&reply).expect("a value")));
        log.take_ran();
        copy(&place.path().join("live"), &place.path().join("remains"));
        let journal = journal(&place.path().join("remains"));
        let mut bytes = fs::read(&journal).expect("a journal");
        let end = bytes.iter().rposition(|byte| *byte != 0).expect("it holds something");
        bytes.truncate(end + 1);
        // The copies below do not copy what it has reserved.
        File::create(&journal).expect("it can be emptied");
        drop(claims);
        Self { place, log, done, running, journal: bytes }
    }

    /// A copy of the folder with another journal.
    fn with(&self, name: &str, journal: &[&[u8]]) -> PathBuf {
        let folder = self.place.path().join(name);
        copy(&self.place.path().join("remains"), &folder);
        let mut file = File::create(self::journal(&folder)).expect("it can be written");
        for part in journal {
            file.write_all(part).expect("it can be written");
        }
        folder
    }

    fn highest_fence(&self) -> u64 {
        self.done.iter().map(|(_, fence)| *fence).max().expect("some")
    }

    /// How many of the results are there. They are the first ones, and true; whatever else was begun can go on.
    async fn check(&self, folder: &Path, what: &str) -> Result<usize, OpenError> {
        let runtime = try_open(folder).await?;
        let mut states = Vec::new();
        for (op, fence) in &self.done {
            let result = result(&runtime, *op).await;
            if let Some(json) = &result {
                assert_eq!(*json, format!("{:?}", self.log.value(*op, *fence)), "{what}");
            }
            states.push(result.is_some());
        }
        let count = states.iter().filter(|kept| **kept).count();
        assert!(states[..count].iter().all(|kept| *kept), "{what}: a later result without an earlier one");
        for op in &self.running {
            assert_eq!(result(&runtime, *op).await, None, "{what}: {op} never ended");
        }
        // What has replayed does so for a call, and what has not can run, above all that was before.
        if let Some((op, fence)) = self.done[..count].last() {
            assert_eq!(runtime.scope(work::run(*op, &self.log)).await, Ok(self.log.value(*op, *fence)));
            assert_eq!(self.log.take_ran(), []);
        }
        let next = self.done[count..].iter().map(|(op, _)| op).chain(&self.running);
        if let Some(op) = next.clone().find(|op| !op.once) {
            let reply = runtime.scope(work::run(*op, &self.log)).await.expect("it runs");
            let [(_, fence)] = self.log.take_ran()[..] else { panic!("{what}: {op} did not run: {reply}") };
            assert!(fence > self.highest_fence(), "{what}: fence {fence} was given out before");
        }
        drop(runtime);
        fs::remove_dir_all(folder).expect("it goes away");
        Ok(count)
    }
}

/// What is kept of an operation.
pub(crate) async fn result(runtime: &Runtime, op: Op) -> Option<String> {
    let site = if op.once { "durable::work::ship" } else { "durable::work::charge" };
    let key = IdempotencyKey::of(site, None::<&str>, &op.key).expect("a good key");
    let entry = runtime.operator().inspect(key).await.expect("the ledger answers")?;
    match entry.state {
        EntryState::Done => Some(entry.result.expect("a value")),
        EntryState::InDoubt => None,
        other => panic!("{op} is {other:?}"),
    }
}

/// The journal of a ledger that has only one.
fn journal(folder: &Path) -> PathBuf {
    let files =
        fs::read_dir(folder.join("records")).expect("a folder").map(|entry| entry.expect("one").path());
    let mut journals = files.filter(|path| path.extension().is_some_and(|end| end == "jnl"));
    let journal = journals.next().expect("a journal");
    assert_eq!(journals.next(), None);
    journal
}

/// Nothing follows the last sector that was written.
#[tokio::test]
async fn the_journal_ends_at_any_sector() {
    let remains = Remains::make(300).await;
    let (mut last, mut cuts) = (0, 0);
    let end = remains.journal.len();
    for sector in (SECTOR..end).step_by(SECTOR).chain([end]) {
        // Some of them in a sector: a file may end there.
        let at = if cuts % 4 == 3 && sector < end { sector - SECTOR / 3 } else { sector };
        let folder = remains.with("cut", &[&remains.journal[..at]]);
        let what = format!("cut at {at} of {end}");
        let count = remains.check(&folder, &what).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(count >= last, "{what}: {count} results, and {last} in a shorter one");
        (last, cuts) = (count, cuts + 1);
    }
    println!("{cuts} cuts");
    assert_eq!(last, remains.done.len(), "the whole journal holds all results");
}

/// A journal has its size from the start: behind what was written there are zeros, or what the disk had there before.
#[tokio::test]
async fn the_journal_ends_in_something_else() {
    let remains = Remains::make(300).await;
    let end = remains.journal.len();
    let mut rng = fastrand::Rng::with_seed(7);
    let (mut last, mut cuts) = (0, 0);
    for sector in (SECTOR..end).step_by(SECTOR) {
        let at = sector - if cuts % 4 == 3 { SECTOR / 3 } else { 0 };
        let rest: Vec<u8> = (0..PAGE).map(|_| if cuts % 2 == 0 { 0 } else { rng.u8(..) }).collect();
        let folder = remains.with("cut", &[&remains.journal[..at], &rest]);
        let what = format!("cut at {at} of {end}");
        let count = remains.check(&folder, &what).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(count >= last, "{what}: {count} results, and {last} in a shorter one");
        (last, cuts) = (count, cuts + 1);
    }
    assert!(last > remains.done.len() / 2, "{last} results after {cuts} cuts");
}

/// A page of the last result, and of nothing that was synced before, did not reach the disk.
#[tokio::test]
async fn a_page_of_the_last_write_is_missing() {
    let remains = Remains::make(100_000).await;
    // The last one is of about 33 kB, and ends the journal.
    let (end, last) = (remains.journal.len(), remains.done.len() - 1);
    let mut pages = 0;
    for page in (end - 33_000).div_ceil(PAGE)..end / PAGE {
        let (before, after) = (&remains.journal[..page * PAGE], &remains.journal[(page + 1) * PAGE..]);
        let folder = remains.with(&format!("page {page}"), &[before, &[0; PAGE], after]);
        assert_eq!(remains.check(&folder, "a page").await, Ok(last), "all but the last");
        pages += 1;
    }
    assert!(pages > 5);
}

/// Not even the first write of all is there, which was synced before the folder became a ledger.
#[tokio::test]
async fn an_empty_journal_is_no_empty_ledger() {
    let remains = Remains::make(300).await;
    for journal in
        [&[] as &[u8], &[0; PAGE], &remains.journal[..20], &[&[0; 64], &remains.journal[64..]].concat()]
    {
        let folder = remains.with("empty", &[journal]);
        let error = try_open(&folder).await.expect_err("a ledger without its records").to_string();
        let known = ["its folder `records` is missing or incomplete", "its journal is damaged at byte 0"];
        assert!(known.iter().any(|known| error.contains(known)), "{error}");
    }
}

/// A disk that has lost a sector of what was synced: to go on with what is before it would run operations again.
#[tokio::test]
async fn the_journal_is_damaged_in_its_middle() {
    let remains = Remains::make(300).await;
    let mut rng = fastrand::Rng::with_seed(9);
    for part in 1..9 {
        let mut journal = remains.journal.clone();
        let at = journal.len() * part / 10;
        journal[at..at + SECTOR].fill_with(|| rng.u8(..));
        let folder = remains.with(&format!("part {part}"), &[&journal]);
        let error = try_open(&folder).await.expect_err("a damaged ledger").to_string();
        assert!(error.contains("its journal is damaged at byte") && error.contains("from a copy"), "{error}");
        assert!(fs::read(self::journal(&folder)).expect("a journal") == journal, "nothing was changed");
    }
}
