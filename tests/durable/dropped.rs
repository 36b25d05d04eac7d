//! A caller goes away, at whichever moment.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use resilience::{Kind, Runtime};

use crate::work::{self, Log, Op};
use crate::{opened, try_open};

const ROUNDS: u32 = 12;
/// More than most calls need.
const POLLS: u32 = 8;

/// Polls a call so often, and drops it if it has not ended.
async fn polled(runtime: &Runtime, op: Op, log: &Log, times: u32) -> Option<String> {
    let mut call = Box::pin(runtime.scope(work::run(op, log)));
    for _ in 0..times {
        if let Poll::Ready(reply) = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await {
            return Some(reply.expect("nothing fails"));
        }
        // The writer and the body go on.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    None
}

/// What was begun has a result, can run, or is in doubt, and nothing else of it is left.
#[tokio::test]
async fn after_so_many_polls() {
    let place = tempfile::tempdir().expect("a folder");
    let log = Log::open(place.path(), 0, 0);
    let mut cut = 0;
    for round in 0..ROUNDS {
        // Also no owner of the folder.
        let runtime = opened(try_open(&place.path().join("ledger")).await);
        for times in 0..POLLS {
            let op = Op::of(times * ROUNDS + round);
            let value = polled(&runtime, op, &log, times).await;
            cut += u32::from(value.is_none() && times > 0);
            called_again(&runtime, op, &log, value).await;
        }
        let doubts = runtime.operator().in_doubt(usize::MAX).await.expect("the ledger answers");
        assert!(doubts.iter().all(|entry| entry.at_most_once), "{doubts:?}");
    }
    println!("{cut} were cut");
    assert!(cut > ROUNDS);
}

/// After a call that gave this value or was dropped.
async fn called_again(runtime: &Runtime, op: Op, log: &Log, value: Option<String>) {
    let before = log.take_ran();
    let reply = runtime.scope(work::run(op, log)).await;
    match (reply, &before[..], &log.take_ran()[..]) {
        (Ok(again), [(_, fence)], []) => {
            assert_eq!(again, log.value(op, *fence));
            assert!(value.is_none_or(|value| value == again));
        }
        (Ok(again), before, [(_, fence)]) if value.is_none() && (before.is_empty() || !op.once) => {
            assert!(before.len() < 2 && before.iter().all(|(_, earlier)| earlier < fence), "{before:?}");
            assert_eq!(again, log.value(op, *fence));
        }
        (Err(error), [_], []) if value.is_none() && op.once => {
            assert_eq!(error.kind(), Kind::OutcomeUnknown);
        }
        (reply, before, ran) => panic!("{op} gave {value:?} by {before:?}, and then {reply:?} by {ran:?}"),
    }
}
