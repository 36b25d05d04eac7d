//! A ledger that cannot write any more, whatever the cause.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;

use resilience::{Error, Kind, Runtime, spawn};

use crate::support::events;
use crate::work::{self, History, Log, Op};
use crate::{opened, try_open};

/// What a call gave, and whether its result was written.
struct Gave {
    reply: Result<String, Error>,
    unrecorded: bool,
}

/// How it went until the ledger stopped.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) recorded: Vec<Op>,
    pub(crate) unrecorded: Vec<Op>,
}

/// The keys below are of the test that called.
const FIRST: u32 = 1_001;

/// Runs operations, each of them called twice, until the ledger stops. What it has not written it never claims to
/// have, and then nothing runs any more. Those that are recorded are logged as returned.
pub(crate) async fn until_it_stops(runtime: &Runtime, log: &Arc<Log>, why: &str) -> Told {
    let mut told = Told::default();
    // Each batch begins with some that are granted before a write could fail.
    let mut next = FIRST;
    while told.unrecorded.is_empty() {
        assert!(next < FIRST + 20_000, "it does not stop: {} recorded", told.recorded.len());
        batch(runtime, log, next..next + 8, &mut told, why).await;
        next += 8;
    }
    // Old ones, new ones, and those that were not written.
    let asked = told.recorded.iter().rev().take(8).chain(&told.unrecorded).copied();
    for op in asked.chain((next..next + 8).map(Op::of)).collect::<Vec<_>>() {
        let gave = call(runtime, log, op).await;
        has_stopped(&gave.reply.expect_err("nothing is certain any more"), why);
    }
    assert_eq!(log.take_ran(), []);
    let operator = runtime.operator().in_doubt(1).await.expect_err("nor for operators");
    assert!(operator.to_string().contains(why), "{operator}");
    told
}

async fn batch(runtime: &Runtime, log: &Arc<Log>, keys: std::ops::Range<u32>, told: &mut Told, why: &str) {
    let twice = keys.map(Op::of).flat_map(|op| [op, op]);
    let calls = twice.map(|op| {
        let (runtime, log) = (runtime.clone(), Arc::clone(log));
        (op, spawn(async move { call(&runtime, &log, op).await }))
    });
    let mut gave = BTreeMap::<Op, Vec<Gave>>::new();
    for (op, call) in calls.collect::<Vec<_>>() {
        gave.entry(op).or_default().push(call.await.expect("no panic"));
    }
    let ran: BTreeMap<Op, u64> = log.take_ran().into_iter().collect();
    for (op, gave) in gave {
        judge(op, &gave, ran.get(&op).copied(), log, told, why);
    }
}

/// What two calls of one operation gave, which ran once or not at all.
fn judge(op: Op, gave: &[Gave], ran: Option<u64>, log: &Log, told: &mut Told, why: &str) {
    let values: Vec<_> = gave.iter().filter_map(|gave| gave.reply.as_ref().ok()).collect();
    for error in gave.iter().filter_map(|gave| gave.reply.as_ref().err()) {
        has_stopped(error, why);
    }
    let Some(fence) = ran else {
        assert!(values.is_empty(), "{op} never ran, and gave {values:?}");
        return;
    };
    assert!(!values.is_empty(), "the value of {op} is lost");
    assert!(values.iter().all(|value| **value == log.value(op, fence)), "{op}: {values:?}");
    if gave.iter().any(|gave| gave.unrecorded) {
        assert_eq!(values.len(), 1, "{op} was replayed, and was not written");
        told.unrecorded.push(op);
    } else {
        log.returned(op, fence);
        told.recorded.push(op);
    }
}

#[track_caller]
fn has_stopped(error: &Error, why: &str) {
    assert_eq!(error.kind(), Kind::Store, "{error}");
    assert!(!error.may_have_run());
    let source = error.source().expect("a reason").to_string();
    assert!(source.starts_with("the ledger has stopped, because a write failed: "), "{source}");
    assert!(source.contains(why), "{source}");
}

/// One call. What is told during its polls is told of it: the test is of one thread.
async fn call(runtime: &Runtime, log: &Log, op: Op) -> Gave {
    let mut call = pin!(runtime.scope(work::run(op, log)));
    let mut told = Vec::new();
    let reply = poll_fn(|cx| {
        let polled = call.as_mut().poll(cx);
        told.append(&mut events::take());
        polled
    });
    Gave { reply: reply.await, unrecorded: told.iter().any(|event| event == "unrecorded") }
}

/// The cause is gone, and the folder is opened anew: what was written is there, what was not is not, nothing is false.
pub(crate) async fn goes_on(folder: &Path, place: &Path, log: &Log) {
    let history = History::read(place);
    let runtime = opened(try_open(folder).await);
    for (op, runs) in &history.effects {
        let [run] = runs[..] else { panic!("{op} ran more than once: {runs:?}") };
        let recorded = history.returned.contains_key(op);
        let reply = runtime.scope(work::run(*op, log)).await;
        match (reply, &log.take_ran()[..]) {
            (Ok(value), []) => assert_eq!(value, log.value(*op, run.fence)),
            (Ok(value), [(_, fence)]) if !recorded && !op.once => {
                assert!(*fence > run.fence, "{op}: {fence} after {}", run.fence);
                assert_eq!(value, log.value(*op, *fence));
            }
            (Err(error), []) if !recorded && op.once => assert_eq!(error.kind(), Kind::OutcomeUnknown),
            (reply, ran) => panic!("{op}, recorded {recorded}: {reply:?} with {ran:?}"),
        }
    }
    assert!(!history.returned.is_empty());
}
