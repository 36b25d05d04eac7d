mod left;
#[cfg(unix)]
mod private;
mod slow;

use std::future::poll_fn;
use std::path::Path;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::journal::{Group, Journal, Last};
use super::*;
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    ledger_conformance(&open(folder.path())).await;
}

#[tokio::test]
async fn a_drain_waits_for_the_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let op = op("drained");
    let hold = ledger.granted(&op, 1);
    ledger.drain().await;
    assert!(ledger.core.store.get(op.key).expect("it reads").is_some(), "the claim");
    ledger.abandon(hold, true);
    ledger.drain().await;
    assert!(ledger.core.table.of(op.key).is_empty(), "the store speaks for it alone");
    assert_eq!(op.state(&ledger).await, Some(EntryState::InDoubt));
}

/// Longer than a disk takes.
const LONG: Duration = Duration::from_mins(1);

fn open(path: &Path) -> DurableLedger {
    DurableLedger::open(path, LONG).expect("it opens")
}

/// A ledger that writes when the test says so.
fn idle(path: &Path) -> DurableLedger {
    DurableLedger::idle(path, LONG).expect("it opens")
}

impl DurableLedger {
    fn locked(&self, key: IdempotencyKey) -> Result<Locked<'_>, LedgerError> {
        Read::of(&self.core, key).locked_here()
    }

    fn claim_now(&self, request: &Request<'_>) -> Result<Claimed, LedgerError> {
        Ok(self.grant(request, self.locked(request.key)?))
    }

    fn granted(&self, op: &Op, owner: u128) -> Hold {
        match self.claim_now(&op.request(owner)) {
            Ok(Claimed::Granted { fence }) => Hold { key: op.key, owner, fence },
            other => panic!("not granted: {other:?}"),
        }
    }

    fn completes(&self, hold: Hold) -> Told {
        let result = Stored { version: 3, body: Body::Value("7".into()) };
        let change = Change::Complete { result, ttl: Duration::from_mins(10) };
        let locked = self.locked(hold.key).expect("it stands");
        self.write(hold, change, locked).1.expect("somebody waits")
    }

    /// What has been asked for so far.
    fn group(&self) -> Group {
        let mut group = Group::default();
        assert!(self.core.journal.take(&mut group, None));
        group
    }
}

async fn is_ready(future: impl Future) -> bool {
    let mut future = std::pin::pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_ready())).await
}

#[test]
fn a_lone_caller_is_not_kept_waiting_for_a_crowd() {
    let now = Instant::now();
    let long_ago = now.checked_sub(Duration::from_secs(1)).expect("uptime");
    let took = Duration::from_mins(1);
    // Just told, and told a while ago.
    for at in [now, long_ago] {
        let (journal, waiting) = (Journal::default(), oneshot::channel().0);
        journal.push(None, Some(waiting));
        let start = Instant::now();
        assert!(journal.take(&mut Group::default(), Some(Last { told: 64, at, took })));
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    }
}

#[test]
fn those_who_were_told_together_are_written_together() {
    let journal = Journal::default();
    journal.push(None, Some(oneshot::channel().0));
    // The other one comes while the writer waits for him. If that takes too long he has a group of his own: then again.
    let together = || {
        std::thread::scope(|scope| {
            scope.spawn(|| journal.push(None, Some(oneshot::channel().0)));
            let (at, took) = (Instant::now(), Duration::from_mins(1));
            let mut group = Group::default();
            assert!(journal.take(&mut group, Some(Last { told: 2, at, took })));
            group.waiting.len() == 2
        })
    };
    let took_both = (0..1_000).any(|_| {
        let both = together();
        journal.push(None, Some(oneshot::channel().0));
        both
    });
    assert!(took_both);
}

/// The claim was asked for in one group, and its result is told of in the next, but it is written with the first.
#[tokio::test]
async fn a_result_is_synced_by_whoever_writes_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = idle(folder.path());
    let once = Op { at_most_once: true, ..op("once") };
    let hold = ledger.granted(&op("one"), 1);
    let first = ledger.group();
    let _told = ledger.completes(hold);
    let (other, _) = (ledger.granted(&op("two"), 1), ledger.granted(&once, 1));
    let lasts = |key| {
        let mut batch = ledger.core.store.batch();
        let mut part = ledger.core.table.of(key);
        part.slots
            .get_mut(&key)
            .expect("it is here")
            .write(key, &mut batch, &ledger.core.clock)
            .expect("it encodes");
        batch.lasts
    };
    assert_eq!(first.keys, [hold.key]);
    assert!(lasts(hold.key) && lasts(once.key) && !lasts(other.key));
}

#[tokio::test]
async fn a_result_on_its_way_to_the_disk_is_nobodys_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = idle(folder.path());
    let op = op("on its way");
    let hold = ledger.granted(&op, 1);
    let _told = ledger.completes(hold);
    assert!(matches!(ledger.claim_now(&op.request(2)), Ok(Claimed::Running { .. })));
    let entry = ledger.inspect(op.key).await.expect("it answers").expect("a record");
    assert_eq!((entry.state, entry.result), (EntryState::Running, None));
    let ended = ledger.ended(op.key, hold.fence);
    ledger.core.write(&ledger.group()).expect("written");
    assert!(is_ready(ended).await);
    assert!(matches!(ledger.claim_now(&op.request(2)), Ok(Claimed::Done(_))));
    assert!(ledger.core.keys_in_table().is_empty(), "the store speaks for it alone");
}

/// A result that went to the disk with the group of its claim is written, though the next group, which was to tell of it,
/// is not.
#[tokio::test]
async fn what_is_written_is_told_even_where_the_next_group_fails() {
    for is_written in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = idle(folder.path());
        let op = op("told");
        let hold = ledger.granted(&op, 1);
        let group = ledger.group();
        let result = Stored { version: 3, body: Body::Value("7".into()) };
        let mut completed = ledger.complete(hold, result, op.ttl);
        assert!(!is_ready(&mut completed).await);
        if is_written {
            ledger.core.write(&group).expect("written");
        }
        ledger.core.fail("the disk is gone".to_owned());
        assert_eq!(completed.await.is_ok(), is_written);
    }
}

#[tokio::test]
async fn a_claim_waits_for_a_writer_that_is_behind() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = idle(folder.path());
    let claims = 10_000;
    let mut waiting = 0;
    for number in 0..claims {
        let op = op(&number.to_string());
        let request = op.request(1);
        let mut claim = ledger.claim(&request);
        while !is_ready(&mut claim).await {
            if ledger.core.journal.somebody_waits() {
                waiting += 1;
                break;
            }
            tokio::task::yield_now().await; // it is being read
        }
    }
    assert!(waiting > claims / 3 && waiting < claims, "{waiting} of {claims} had to wait");
}

/// Else the process could be killed while the body runs, and other values run after it.
#[tokio::test]
async fn a_claim_with_a_fingerprint_is_written_before_it_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = idle(folder.path());
    let of = |values| Op { fingerprint: Some([values; 32]), ..op("one key") };
    let (op, other) = (of(1), of(2));
    let request = op.request(1);
    let mut claim = ledger.claim(&request);
    while !ledger.core.journal.somebody_waits() {
        assert!(!is_ready(&mut claim).await, "it was told before it was written");
        tokio::task::yield_now().await; // it is being read
    }
    let mut group = ledger.group();
    ledger.core.write(&group).expect("written");
    group.waiting.drain(..).for_each(|waiting| waiting.send(()).expect("it waits"));
    assert!(matches!(claim.await, Ok(Claimed::Granted { .. })));
    // Killed: nothing more is written.
    drop(ledger);
    let ledger = idle(folder.path());
    assert!(matches!(ledger.claim_now(&other.request(2)), Ok(Claimed::Mismatch)));
    assert!(matches!(ledger.claim_now(&op.request(2)), Ok(Claimed::Granted { .. })));
}

#[tokio::test]
async fn nobody_waits_for_a_ledger_that_has_stopped() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = idle(folder.path());
    let op = op("stopped");
    let hold = ledger.granted(&op, 1);
    let (before, told) = (ledger.ended(op.key, hold.fence), ledger.completes(hold));
    ledger.core.fail("the disk is gone".to_owned());
    assert!(is_ready(before).await && is_ready(ledger.ended(op.key, hold.fence)).await);
    let error = ledger.core.journal.synced(told).await.expect_err("it was not written");
    assert!(error.to_string().contains("the disk is gone"), "{error}");
    let error = ledger.claim_now(&op.request(2)).expect_err("it has stopped");
    assert!(error.to_string().contains("a write failed: the disk is gone"), "{error}");
}
