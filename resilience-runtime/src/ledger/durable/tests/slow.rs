//! A disk that is slow to write, or to read.

use super::*;
use crate::ledger::shards::Shards;

const SOON: Duration = Duration::from_millis(100);
/// What would take so long is not waited for.
const SLOW: Duration = Duration::from_secs(2);

fn ten() -> Stored {
    Stored { version: 3, body: Body::Value("10".into()) }
}

/// An error that came when the time was over.
#[track_caller]
fn is_late<T: std::fmt::Debug>(start: Instant, answer: Result<T, LedgerError>) {
    let error = answer.expect_err("nothing is written");
    assert!(error.to_string().starts_with("the disk has not answered within 100ms"), "{error}");
    assert!(!error.may_be_repeated(), "a caller would wait twice");
    assert!(start.elapsed() >= SOON && start.elapsed() < SLOW, "{:?}", start.elapsed());
}

/// The value is for its caller, and the write goes on.
#[tokio::test]
async fn a_result_is_not_waited_for_longer_than_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = DurableLedger::idle(folder.path(), SOON).expect("it opens");
    let op = op("late");
    let hold = ledger.granted(&op, 1);
    let start = Instant::now();
    is_late(start, ledger.complete(hold, ten(), op.ttl).await);
    let group = ledger.group();
    // It is said again while it is being written, which is no change: else it would have to be written once more.
    let mut batch = ledger.core.store.batch();
    let written = ledger.core.table.of(op.key).slots.get_mut(&op.key).expect("it is here").write(
        op.key,
        &mut batch,
        &ledger.core.clock,
    );
    let mut again = ledger.complete(hold, ten(), op.ttl);
    assert!(!is_ready(&mut again).await);
    let is_settled = |change| ledger.core.table.of(op.key).slots[&op.key].is_settled(change);
    assert!(written.is_ok_and(is_settled));
    drop(batch);
    ledger.core.write(&group).expect("written");
    assert!(ledger.core.keys_in_table().is_empty(), "the store speaks for it alone");
    assert!(matches!(ledger.claim_now(&op.request(2)), Ok(Claimed::Done(stored)) if stored == ten()));
    assert_eq!(ledger.complete(hold, ten(), op.ttl).await.expect("it is done"), Written::Yes);
    // Whoever waits longer than it took is told that it is there, by whatever comes next.
    assert_eq!(again.await.expect("it is written"), Written::Yes);
}

#[tokio::test]
async fn a_claim_that_must_last_is_given_up_when_its_time_is_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = DurableLedger::idle(folder.path(), SOON).expect("it opens");
    let op = Op { at_most_once: true, ..op("once") };
    let start = Instant::now();
    is_late(start, ledger.claim(&op.request(1)).await);
    assert_eq!(op.state(&ledger).await, Some(EntryState::Released));
}

#[tokio::test]
async fn an_operator_waits_no_longer_and_a_drain_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = DurableLedger::idle(folder.path(), SOON).expect("it opens");
    let (one, other) = (op("one"), op("other"));
    let [resolved, forgotten] = [&one, &other].map(|op| {
        let hold = ledger.granted(op, 1);
        ledger.abandon(hold, true);
        hold
    });
    let start = Instant::now();
    is_late(start, ledger.resolve(resolved.key, resolved.fence, Body::NotKept).await);
    let start = Instant::now();
    is_late(start, ledger.forget(forgotten.key, forgotten.fence).await);
    let drained = tokio::time::timeout(SOON * 3, ledger.drain()).await;
    assert!(drained.is_err(), "it has a deadline of its own");
    ledger.core.write(&ledger.group()).expect("written");
    assert_eq!(one.state(&ledger).await, Some(EntryState::ResultNotKept));
    assert_eq!(other.state(&ledger).await, None);
}

impl DurableLedger {
    fn reads_slowly(&self, key: Option<IdempotencyKey>) {
        *self.core.store.slow.lock().expect("no panic under the lock") = key.map(|key| (key, SLOW));
    }
}

/// An operation in the same part of the table.
fn beside(other: &Op, name: &str) -> Op {
    let place = |op: &Op| usize::from(op.key.as_bytes()[31]) % Shards::<()>::USUAL;
    let ops = (0..).map(|number| op(&format!("{name} {number}")));
    ops.into_iter().find(|op| place(op) == place(other)).expect("one of them")
}

/// The only thread of the executor goes on, and so does whoever needs the same lock.
#[tokio::test]
async fn a_slow_read_is_nobody_elses() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let slow = op("slow");
    let (running, new) = (beside(&slow, "running"), beside(&slow, "new"));
    let hold = ledger.granted(&running, 1);
    ledger.reads_slowly(Some(slow.key));
    let start = Instant::now();
    let request = slow.request(1);
    let mut claim = ledger.claim(&request);
    let mut inspected = ledger.inspect(slow.key);
    assert!(!is_ready(&mut claim).await && !is_ready(&mut inspected).await);
    // From `drop`: neither waits nor reads.
    ledger.abandon(Hold { key: slow.key, owner: 2, fence: 1 }, true);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert!(
        matches!(running.request(2), request if matches!(ledger.claim(&request).await, Ok(Claimed::Running { .. })))
    );
    assert!(matches!(ledger.claim(&new.request(1)).await, Ok(Claimed::Granted { .. })));
    assert_eq!(ledger.complete(hold, ten(), running.ttl).await.expect("written"), Written::Yes);
    assert!(start.elapsed() < SLOW, "{:?}", start.elapsed());
    let (claim, inspected) = tokio::join!(claim, inspected);
    assert!(start.elapsed() >= SLOW, "{:?}", start.elapsed());
    assert!(matches!(claim, Ok(Claimed::Granted { .. })) && inspected.is_ok());
}

#[tokio::test]
async fn a_read_is_not_waited_for_longer_than_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = DurableLedger::open(folder.path(), SOON).expect("it opens");
    let op = op("slow");
    ledger.reads_slowly(Some(op.key));
    let start = Instant::now();
    is_late(start, ledger.claim(&op.request(1)).await);
    let start = Instant::now();
    is_late(start, ledger.inspect(op.key).await);
    assert!(ledger.core.table.of(op.key).is_empty(), "nothing is left of them");
}

/// What was read before a result was written does not count after it.
#[tokio::test]
async fn a_stale_read_is_read_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let op = op("stale");
    let (first, second) = (op.request(1), op.request(2));
    ledger.reads_slowly(Some(op.key));
    let (mut claim, mut other) = (ledger.claim(&first), ledger.claim(&second));
    assert!(!is_ready(&mut claim).await && !is_ready(&mut other).await);
    // Both have read that there is nothing.
    tokio::time::sleep(SLOW / 4).await;
    ledger.reads_slowly(None);
    let Ok(Claimed::Granted { fence }) = ledger.claim(&op.request(3)).await else { panic!("not granted") };
    let hold = Hold { key: op.key, owner: 3, fence };
    assert_eq!(ledger.complete(hold, ten(), op.ttl).await.expect("written"), Written::Yes);
    assert!(ledger.core.keys_in_table().is_empty(), "the store speaks for it alone");
    assert!(ledger.core.table.of(op.key).recent.take(op.key).is_some(), "as if there were no room for it");
    for claim in [claim, other] {
        assert!(matches!(claim.await, Ok(Claimed::Done(stored)) if stored == ten()));
    }
    assert!(ledger.core.table.of(op.key).is_empty(), "nothing is left of them");
}

/// Not only with a fast disk.
#[tokio::test]
async fn what_was_written_of_late_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = open(folder.path());
    let (op, doubtful) = (op("recent"), super::op("doubtful"));
    let (hold, lost) = (ledger.granted(&op, 1), ledger.granted(&doubtful, 1));
    ledger.abandon(lost, true);
    assert_eq!(ledger.complete(hold, ten(), op.ttl).await.expect("written"), Written::Yes);
    ledger.drain().await;
    for key in [op.key, doubtful.key] {
        ledger.reads_slowly(Some(key));
        let start = Instant::now();
        if key == op.key {
            assert!(
                matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Done(stored)) if stored == ten())
            );
            // The answer was lost, and the write is sent again; by another one it changes nothing.
            assert_eq!(ledger.complete(hold, ten(), op.ttl).await.expect("known"), Written::Yes);
            let other = Hold { owner: 9, ..hold };
            assert_eq!(ledger.complete(other, ten(), op.ttl).await.expect("known"), Written::LeaseLost);
            assert_eq!(op.state(&ledger).await, Some(EntryState::Done));
            assert!(ledger.forget(op.key, hold.fence).await.expect("written"));
        } else {
            let Ok(Claimed::Granted { fence }) = ledger.claim(&doubtful.request(2)).await else {
                panic!("it may run")
            };
            assert!(fence > lost.fence);
        }
        assert!(start.elapsed() < SLOW, "{:?}", start.elapsed());
    }
    ledger.reads_slowly(None);
    assert_eq!(op.state(&ledger).await, None, "it is forgotten");
}
