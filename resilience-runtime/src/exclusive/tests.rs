//! The engine over a ledger that fails, or answers late.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use super::Exclusive;
use crate::idempotent::tests::{Flaky, listen};
use crate::ledger::{Body, EntryState};
use crate::time::{self, pause};
use crate::{Error, IdempotencyKey, Kind, Runtime};

static RIGHT: Exclusive = Exclusive::new("flaky").lease(Duration::from_secs(10));

fn over(ledger: Flaky) -> Runtime {
    Runtime::over(Arc::new(ledger))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The body takes so many seconds.
async fn run(runtime: &Runtime, body: u64) -> Result<u32, Error> {
    runtime
        .scope(RIGHT.run(async || {
            pause(seconds(body)).await;
            Ok(7)
        }))
        .await
}

async fn state(runtime: &Runtime) -> (EntryState, IdempotencyKey, u64) {
    let key = IdempotencyKey::of("exclusive flaky", None::<&str>, "flaky").expect("a good key");
    let entry = runtime.operator().inspect(key).await.expect("memory answers").expect("a record");
    (entry.state, key, entry.fence)
}

/// A runner whose renewals fail, or are not answered, is gone before another one can begin.
#[tokio::test(start_paused = true)]
async fn a_runner_that_cannot_renew_stops_before_its_lease_ends() {
    let (_guard, lost) = listen("lease_lost");
    for ledger in [
        Flaky { renewals: u32::MAX.into(), ..Flaky::new() },
        Flaky { slow_renewal: seconds(3600), ..Flaky::new() },
    ] {
        let (runtime, start) = (over(ledger), time::now());
        lost.store(0, std::sync::atomic::Ordering::SeqCst);
        let error = run(&runtime, 60).await.expect_err("it lost its right");
        assert_eq!(
            (error.kind(), error.may_have_run(), start.elapsed()),
            (Kind::LeaseLost, true, seconds(9))
        );
        assert_eq!(lost.load(std::sync::atomic::Ordering::SeqCst), 1);
        assert_eq!(run(&runtime, 0).await, Ok(7), "it gave up what was left");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_down_for_a_while_or_slow_is_no_loss() {
    let down = Flaky { renewals: 5.into(), ..Flaky::new() };
    let lost_answers = Flaky { renewals: 5.into(), answers_only: true, ..Flaky::new() };
    let slow = Flaky { slow_renewal: seconds(3), ..Flaky::new() };
    for ledger in [down, lost_answers, slow] {
        assert_eq!(run(&over(ledger), 60).await, Ok(7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_term_counts_from_the_question_and_not_from_its_answer() {
    let (runtime, start) =
        (over(Flaky { slow_claim: seconds(4), renewals: u32::MAX.into(), ..Flaky::new() }), time::now());
    assert_eq!(run(&runtime, 60).await.map_err(|error| error.kind()), Err(Kind::LeaseLost));
    assert_eq!(start.elapsed(), seconds(9));
    // One that is granted when it is as good as over does not begin.
    let runtime = over(Flaky { slow_claim: seconds(10), ..Flaky::new() });
    let error = run(&runtime, 0).await.expect_err("too late");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::LeaseLost, false));
}

#[tokio::test(start_paused = true)]
async fn a_claim_whose_answer_was_lost_does_not_lock_its_caller_out() {
    let runtime = over(Flaky { claims: 1.into(), answers_only: true, ..Flaky::new() });
    assert_eq!(run(&runtime, 60).await, Ok(7));
}

/// Its lease would keep all others out.
#[tokio::test(start_paused = true)]
async fn a_claim_that_nobody_hears_of_is_withdrawn() {
    for (claims, patience, withdrawn) in [(0, 5, 0), (2, 5, 1), (0, 1, 1)] {
        let ledger = Arc::new(Flaky { claims: claims.into(), slow_claim: seconds(2), ..Flaky::new() });
        let runtime = Runtime::over(ledger.clone());
        let _ = tokio::time::timeout(seconds(patience), run(&runtime, 0)).await;
        assert_eq!(ledger.withdrawn.load(SeqCst), withdrawn, "{claims} fail, {patience} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ledger_that_is_down_before_the_body_fails_closed() {
    let runtime = over(Flaky { claims: 2.into(), ..Flaky::new() });
    let error = run(&runtime, 0).await.expect_err("closed");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::Store, false));
    assert_eq!(run(&runtime, 0).await, Ok(7), "it is back");
}

/// Its end was within its term, whatever the ledger hears of it.
#[tokio::test(start_paused = true)]
async fn a_result_does_not_depend_on_the_release() {
    let failing = Flaky { writes: 1.into(), ..Flaky::new() };
    let silent = Flaky { slow: seconds(3600), ..Flaky::new() };
    for (ledger, took) in [(failing, 0), (silent, 3)] {
        let (runtime, start) = (over(ledger), time::now());
        assert_eq!(run(&runtime, 0).await, Ok(7));
        assert_eq!(start.elapsed().as_secs(), took, "no longer than a renewal may take");
        assert_eq!(state(&runtime).await.0, EntryState::Released, "abandoned");
    }
}

/// What the ledger hears of the end, it hears in the background.
#[tokio::test(start_paused = true)]
async fn a_release_is_not_waited_for_beyond_the_deadline() {
    let (runtime, start) = (over(Flaky { slow: seconds(3600), ..Flaky::new() }), time::now());
    let deadline = start + seconds(1);
    assert_eq!(crate::context::with_deadline(deadline, run(&runtime, 0)).await, Ok(7));
    assert_eq!(start.elapsed(), seconds(1));
    assert_eq!(state(&runtime).await.0, EntryState::Released, "abandoned");
}

#[tokio::test(start_paused = true)]
async fn a_right_that_an_operator_resolved_is_refused_until_it_is_forgotten() {
    let ledger = Arc::new(Flaky::new());
    let runtime = Runtime::over(ledger.clone());
    // It dies.
    let mut dead = Box::pin(runtime.scope(RIGHT.run(async || pending::<Result<u32, Error>>().await)));
    let waker = &mut std::task::Context::from_waker(std::task::Waker::noop());
    assert!(dead.as_mut().poll(waker).is_pending());
    std::mem::forget(dead);
    pause(seconds(11)).await;
    let (doubtful, key, fence) = state(&runtime).await;
    assert_eq!(doubtful, EntryState::InDoubt);
    let result = Body::Value("1".into());
    assert!(crate::ledger::Ledger::resolve(&*ledger, key, fence, result).await.expect("memory answers"));
    let error = run(&runtime, 0).await.expect_err("what is it?");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::Store, false));
    assert!(runtime.operator().forget(key, fence).await.expect("memory answers"));
    assert_eq!(run(&runtime, 0).await, Ok(7));
    assert!(state(&runtime).await.2 > fence, "the token rises over it");
}
