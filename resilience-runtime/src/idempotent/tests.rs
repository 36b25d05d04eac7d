//! The engine over a ledger that fails, and what may be kept.

mod flaky;
mod kept;
mod late;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resilience_policy::idempotent::Idempotent;

pub(crate) use flaky::Flaky;

use super::{Codec, Entry as Answer, Names, SiteLedger, codec};
use crate::call::enter;
use crate::context::with_deadline;
use crate::edge::{Edge, Outcome, Returns, edge_rejecting};
use crate::key::{Encoded, IdempotencyKey};
use crate::ledger::memory::{MemoryLedger, USUAL_BYTES};
use crate::ledger::{
    Body, Claimed, Entry, EntryState, Hold, Ledger, LedgerError, Reply, Request, Stored, Written,
};
use crate::{Error, Kind, Runtime, Site, Undrained};

static PARAMS: Idempotent = Idempotent { wait: None, ..Idempotent::DEFAULT };
static SITE: Site = Site::without_function("flaky");
static LEDGER: SiteLedger = SiteLedger::new(&SITE, &PARAMS);

async fn call(body: impl Future<Output = Result<u32, Error>>) -> Result<u32, Error> {
    call_at(&LEDGER, body).await
}

/// What an annotated function expands to, around this body.
async fn call_at(
    site: &'static SiteLedger,
    body: impl Future<Output = Result<u32, Error>>,
) -> Result<u32, Error> {
    let edge = edge_rejecting::<Result<u32, Error>>();
    call_with(site, edge, codec(), edge.attempt_later(body)).await
}

/// The same around what is below in its stack.
async fn call_with<R: Returns>(
    site: &'static SiteLedger,
    edge: Edge<R>,
    codec: Codec<R>,
    below: impl Future<Output = Outcome<R::Value, R::Error>>,
) -> R::Written {
    let names = Names { key: Encoded::of("key"), scope: None, fingerprint: None };
    let run = pin!(async {
        match site.ask(&names, || "").answer().await {
            Answer::Run(mut claim) => {
                let operation = pin!(below);
                let outcome = claim.keep(operation).await;
                claim.settle(outcome, &edge, &codec).await
            }
            Answer::Known(record) => site.replay(&record, &codec),
            Answer::Rejected(rejection) => Err(rejection.into()),
        }
    });
    edge.leave(enter(run).await)
}

fn not_run() -> impl Future<Output = Result<u32, Error>> {
    poll_fn(|_| panic!("the body ran"))
}

async fn state(runtime: &Runtime) -> Option<EntryState> {
    let key = IdempotencyKey::of("flaky", None::<&str>, "key").expect("a good key");
    runtime.operator().inspect(key).await.expect("memory answers").map(|entry| entry.state)
}

/// Counts the events of one name.
struct Listener(&'static str, Arc<AtomicU32>);

impl tracing::Subscriber for Listener {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn event(&self, event: &tracing::Event<'_>) {
        struct Find<'a>(&'a str, &'a AtomicU32);
        impl tracing::field::Visit for Find<'_> {
            fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
                if field.name() == "event" && value == self.0 {
                    self.1.fetch_add(1, Ordering::SeqCst);
                }
            }

            fn record_debug(&mut self, _: &tracing::field::Field, _: &dyn std::fmt::Debug) {}
        }
        event.record(&mut Find(self.0, &self.1));
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

pub(crate) fn listen(event: &'static str) -> (tracing::subscriber::DefaultGuard, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    (tracing::subscriber::set_default(Listener(event, Arc::clone(&count))), count)
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_down_before_the_body_fails_closed() {
    let runtime = Runtime::over(Arc::new(Flaky { claims: 2.into(), ..Flaky::new() }));
    let error = runtime.scope(call(not_run())).await.expect_err("closed");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::Store, false));
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the line is dead"));
    assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7), "it is back");
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_does_not_lock_its_caller_out() {
    let runtime = Runtime::over(Arc::new(Flaky { claims: 1.into(), answers_only: true, ..Flaky::new() }));
    assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_nobody_hears_of_is_withdrawn() {
    for (claims, patience, withdrawn) in [(0, 10, 0), (1, 10, 0), (2, 10, 1), (0, 1, 1)] {
        let slow = Flaky { claims: claims.into(), slow_claim: Duration::from_secs(2), ..Flaky::new() };
        let ledger = Arc::new(slow);
        let runtime = Runtime::over(Arc::clone(&ledger) as Arc<dyn Ledger>);
        let called = runtime.scope(call(async { Ok(7) }));
        let _ = tokio::time::timeout(Duration::from_secs(patience), called).await;
        assert_eq!(ledger.withdrawn.load(Ordering::SeqCst), withdrawn, "{claims} fail, {patience} s");
    }
}

/// The first one may stand, although the second one was never sent.
#[tokio::test(start_paused = true)]
async fn a_claim_is_withdrawn_unless_none_of_it_was_sent() {
    for (claims, withdrawn) in [(1, 0), (2, 1)] {
        let ledger = Arc::new(Flaky { claims: claims.into(), ends_unsent: true, ..Flaky::new() });
        let runtime = Runtime::over(Arc::clone(&ledger) as Arc<dyn Ledger>);
        let error = runtime.scope(call(not_run())).await.expect_err("closed");
        assert_eq!((error.kind(), error.may_have_run()), (Kind::Store, false));
        assert_eq!(ledger.withdrawn.load(Ordering::SeqCst), withdrawn, "{claims} fail");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_goes_down_after_the_body_hears_of_it_later() {
    let (_guard, unrecorded) = listen("unrecorded");
    for answers_only in [false, true] {
        unrecorded.store(0, Ordering::SeqCst);
        let runtime = Runtime::over(Arc::new(Flaky { writes: 4.into(), answers_only, ..Flaky::new() }));
        assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7), "the caller has its value");
        assert_eq!(unrecorded.load(Ordering::SeqCst), 1);
        if !answers_only {
            let meanwhile = runtime.scope(call(not_run())).await.expect_err("it still looks as if it ran");
            assert_eq!(meanwhile.kind(), Kind::InProgress);
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(runtime.scope(call(not_run())).await, Ok(7));
        assert_eq!(unrecorded.load(Ordering::SeqCst), 1, "counted once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_last_write_until_its_deadline() {
    let soon = || tokio::time::Instant::now() + Duration::from_secs(10);
    let runtime = Runtime::over(Arc::new(Flaky { writes: 4.into(), ..Flaky::new() }));
    assert_eq!(runtime.drain(soon()).await, Ok(()), "nothing to do");
    assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7));
    assert_eq!(state(&runtime).await, Some(EntryState::Running));
    assert_eq!(runtime.drain(soon()).await, Ok(()));
    assert_eq!(state(&runtime).await, Some(EntryState::Done));

    // For longer than the lease: pauses are five seconds at most.
    let runtime = Runtime::over(Arc::new(Flaky { writes: 100.into(), ..Flaky::new() }));
    assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7));
    let start = tokio::time::Instant::now();
    assert_eq!(runtime.drain(soon()).await, Err(Undrained));
    assert_eq!(start.elapsed().as_secs(), 10);
    // What was not done in time goes on: the ledger is told of it, in the end, as of a call that was cut.
    assert_eq!(runtime.drain(start + Duration::from_mins(2)).await, Ok(()));
    assert_eq!(state(&runtime).await, Some(EntryState::InDoubt));
}

#[tokio::test(start_paused = true)]
async fn a_release_is_written_later_too() {
    let runtime = Runtime::over(Arc::new(Flaky { writes: 2.into(), ..Flaky::new() }));
    let failure = Error::new(Kind::Injected, &SITE);
    assert_eq!(runtime.scope(call(async { Err(failure.clone()) })).await, Err(failure));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(state(&runtime).await, Some(EntryState::Released));
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_during_the_last_write_loses_nothing() {
    let runtime = Runtime::over(Arc::new(Flaky { slow: Duration::from_secs(1), ..Flaky::new() }));
    let left = tokio::time::timeout(Duration::from_millis(500), runtime.scope(call(async { Ok(7) }))).await;
    assert!(left.is_err());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(runtime.scope(call(not_run())).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn one_failed_renewal_loses_no_claim() {
    let runtime = Runtime::over(Arc::new(Flaky { renewals: 1.into(), ..Flaky::new() }));
    let body = async {
        tokio::time::sleep(Duration::from_secs(61)).await;
        assert_eq!(state(&runtime).await, Some(EntryState::Running));
        Ok(7)
    };
    assert_eq!(runtime.scope(call(body)).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_late_owner_is_told_and_overwrites_nothing() {
    let runtime = Runtime::over(Arc::new(Flaky { renewals: u32::MAX.into(), ..Flaky::new() }));
    let late = runtime.scope(call(async {
        tokio::time::sleep(Duration::from_secs(100)).await;
        Ok(1)
    }));
    let successor = runtime.scope(async {
        tokio::time::sleep(Duration::from_secs(70)).await;
        call(async { Ok(2) }).await
    });
    let (late, successor) = tokio::join!(late, successor);
    assert_eq!(successor, Ok(2));
    let lost = late.expect_err("taken over");
    assert_eq!((lost.kind(), lost.may_have_run()), (Kind::LeaseLost, true));
    assert_eq!(runtime.scope(call(not_run())).await, Ok(2));
}

/// What no timeout cuts ends by itself: the caller has its value, and the write goes on.
#[tokio::test(start_paused = true)]
async fn the_last_write_is_not_waited_for_past_the_deadline() {
    let (_guard, unrecorded) = listen("unrecorded");
    for (deadline, took) in [(2, 2), (0, 0), (60, 30)] {
        unrecorded.store(0, Ordering::SeqCst);
        let runtime = Runtime::over(Arc::new(Flaky { slow: Duration::from_secs(30), ..Flaky::new() }));
        let start = tokio::time::Instant::now();
        let called = with_deadline(start + Duration::from_secs(deadline), call(async { Ok(7) }));
        assert_eq!(runtime.scope(called).await, Ok(7));
        assert_eq!(
            (start.elapsed().as_secs(), unrecorded.load(Ordering::SeqCst)),
            (took, u32::from(took < 30))
        );
        assert_eq!(runtime.drain(start + Duration::from_mins(2)).await, Ok(()));
        assert_eq!(runtime.scope(call(not_run())).await, Ok(7));
    }
}

#[tokio::test(start_paused = true)]
async fn another_version_is_an_error_and_never_a_reason_to_run() {
    // The same name at another time: the manifest of one program has it once.
    static SECOND: Idempotent = Idempotent { version: 2, ..Idempotent::DEFAULT };
    static LATER: SiteLedger = SiteLedger::new(&SITE, &SECOND);
    let runtime = Runtime::builder().memory().build();
    assert_eq!(runtime.scope(call(async { Ok(7) })).await, Ok(7));
    let error = runtime.scope(call_at(&LATER, not_run())).await.expect_err("of version 1");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::Store, false));
    let source = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(source.as_deref(), Some("the kept result is of version 1, this site reads 2"));
    assert_eq!(runtime.scope(call(not_run())).await, Ok(7), "the record is left alone");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_asks_for_no_ledger() {
    static UNUSED: SiteLedger = SiteLedger::new(&SITE, &PARAMS);
    let (_guard, told) = listen("no_ledger_chosen");
    let ask = async |key| {
        let names = Names { key: Encoded::of(key), scope: None, fingerprint: None };
        UNUSED.ask(&names, || "").answer().await
    };
    let runtime = Runtime::builder().build();
    for (key, said) in [("", 0), ("7", 1), ("8", 1)] {
        let answer = runtime.scope(ask(key)).await;
        assert_eq!(matches!(answer, Answer::Rejected(_)), key.is_empty());
        assert_eq!(told.load(Ordering::SeqCst), said, "{key}");
    }
}
