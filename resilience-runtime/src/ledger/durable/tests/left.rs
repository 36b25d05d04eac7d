//! Futures that are polled for a while and then left alone for ever, as in a `select!` over a reference. Nobody else waits
//! for them longer than for a process that has died.

use super::*;
use crate::testing::op::LEASE;

/// Polls a future so often, a moment apart.
async fn poll<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>, polls: u32) {
    for _ in 0..polls {
        if is_ready(future.as_mut()).await {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::mem::forget(future);
}

/// What another caller gets in the end, and how long that takes.
async fn another(ledger: &DurableLedger, op: &Op) -> (Claimed, Duration) {
    let start = Instant::now();
    loop {
        match ledger.claim(&op.request(2)).await.expect("it answers") {
            Claimed::Running { fence, left } => {
                let _ = tokio::time::timeout(left, ledger.ended(op.key, fence)).await;
            }
            other => return (other, start.elapsed()),
        }
    }
}

#[tokio::test]
async fn a_claim_that_is_left_alone_lapses() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = &open(folder.path());
    for at_most_once in [false, true] {
        let each = (0..5).map(|polls| async move {
            let op = Op { at_most_once, ..op(&format!("claim {polls} {at_most_once}")) };
            let request = op.request(1);
            poll(Box::pin(ledger.claim(&request)), polls).await;
            let (answer, took) = another(ledger, &op).await;
            assert!(took < LEASE * 2, "{polls} polls: {took:?}");
            let expected = match answer {
                // While its record is being read, nothing is granted.
                Claimed::Granted { .. } => true,
                // It may have been told, and have begun.
                Claimed::InDoubt => at_most_once && polls > 0,
                _ => false,
            };
            assert!(expected, "{polls} polls, at most once {at_most_once}: {answer:?}");
        });
        for each in each {
            each.await;
        }
    }
}

#[tokio::test]
async fn a_result_that_is_left_alone_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = &open(folder.path());
    for polls in 0..5 {
        let op = op(&format!("result {polls}"));
        let hold = ledger.granted(&op, 1);
        let result = Stored { version: 3, body: Body::Value("7".into()) };
        poll(Box::pin(ledger.complete(hold, result, op.ttl)), polls).await;
        let (answer, took) = another(ledger, &op).await;
        assert!(took < LEASE * 2, "{polls} polls: {took:?}");
        // Without a poll nothing was said.
        assert!(
            matches!((&answer, polls), (Claimed::Granted { .. }, 0) | (Claimed::Done(_), 1..)),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn who_waits_or_looks_and_is_left_alone_keeps_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = &open(folder.path());
    for polls in 0..5 {
        let op = op(&format!("others {polls}"));
        poll(Box::pin(ledger.inspect(op.key)), polls).await;
        poll(Box::pin(ledger.forget(op.key, 1)), polls).await;
        let hold = ledger.granted(&op, 1);
        poll(ledger.ended(op.key, hold.fence), polls).await;
        poll(ledger.drain(), polls).await;
        ledger.abandon(hold, true);
        poll(Box::pin(ledger.resolve(op.key, hold.fence, Body::NotKept)), polls).await;
        let (answer, took) = another(ledger, &op).await;
        assert!(took < LEASE, "{polls} polls: {took:?}");
        // Before the record has been read he has not decided.
        let expected = match answer {
            Claimed::Granted { .. } => polls < 4,
            Claimed::Done(_) => polls > 0,
            _ => false,
        };
        assert!(expected, "{polls} polls: {answer:?}");
    }
}
