//! The context of a call is in place for all that runs in it, from its first policy to its last, and for nothing else.
#![allow(missing_docs, reason = "a test target")]

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use resilience::{Error, Kind, bulkhead, circuit_breaker, context, fallback, hedge, retry, timeout};

fn is_in_a_call() -> bool {
    context::deadline().is_some()
}

thread_local! {
    static DROPPED_INSIDE: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Says where it is dropped.
struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        DROPPED_INSIDE.set(Some(is_in_a_call()));
    }
}

#[timeout(secs = 5)]
#[retry(attempts = 1, repeatable)]
#[timeout(ms = 50)]
async fn hangs() -> Result<u32, Error> {
    let _guard = Guard;
    pending().await
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_is_dropped_inside() {
    assert_eq!(hangs().await.expect_err("cut").kind(), Kind::Timeout);
    assert_eq!(DROPPED_INSIDE.take(), Some(true));
    assert!(!is_in_a_call());
}

#[timeout(secs = 5)]
#[fallback(async |error: Error| { tokio::task::yield_now().await; assert!(is_in_a_call()); Err(error) }, when = |_| is_in_a_call())]
#[retry(attempts = 2, backoff = fixed("1ms"), repeatable, when = |_| is_in_a_call(), when_ok = |_| { assert!(is_in_a_call()); true })]
#[circuit_breaker(when = |_| is_in_a_call())]
#[bulkhead(max = 1, queue = 1)]
async fn asked(fails: bool) -> Result<u32, Error> {
    assert!(is_in_a_call());
    tokio::task::yield_now().await;
    assert!(is_in_a_call());
    if fails { overloaded().await } else { Ok(7) }
}

#[tokio::test(start_paused = true)]
async fn what_policies_evaluate_is_evaluated_inside() {
    assert_eq!(asked(false).await.expect("a value, after two attempts"), 7);
    assert_eq!(asked(true).await.expect_err("after the answer").kind(), Kind::Timeout);
    assert!(!is_in_a_call());
}

/// At which step it panics.
#[derive(Clone, Copy, PartialEq, Debug)]
enum At {
    Body,
    BodyLater,
    Predicate,
    Answer,
}

#[timeout(secs = 5)]
#[fallback(|error: Error| { assert!(at != At::Answer, "of the answer"); Err(error) })]
#[circuit_breaker(when_ok = |_| { assert!(at != At::Predicate, "of the predicate"); false })]
async fn panics(at: At) -> Result<u32, Error> {
    let _guard = Guard;
    assert!(at != At::Body, "of the body");
    let mut polled = false;
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    assert!(at != At::BodyLater, "of the body");
    if at == At::Answer { overloaded().await } else { Ok(7) }
}

#[timeout(after = std::time::Duration::ZERO, dynamic)]
async fn overloaded() -> Result<u32, Error> {
    Ok(7)
}

#[tokio::test]
async fn a_panic_anywhere_puts_the_context_around_back() {
    for at in [At::Body, At::BodyLater, At::Predicate, At::Answer] {
        let mut call = pin!(panics(at));
        let cx = &mut Context::from_waker(Waker::noop());
        let panicked = (0..2).any(|_| catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).is_err());
        assert!(panicked && !is_in_a_call(), "{at:?}");
        assert_eq!(DROPPED_INSIDE.take(), Some(true), "{at:?}");
    }
}

#[timeout(secs = 5)]
#[hedge(after = "1ms", repeatable)]
#[timeout(secs = 1)]
async fn raced() -> Result<u32, Error> {
    let _guard = Guard;
    assert!(is_in_a_call());
    pending().await
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_away_leaves_nothing_in_place() {
    let cx = &mut Context::from_waker(Waker::noop());
    {
        let mut call = pin!(raced());
        assert!(call.as_mut().poll(cx).is_pending());
        assert!(!is_in_a_call(), "it is pending");
    }
    assert!(DROPPED_INSIDE.take().is_some() && !is_in_a_call());
}
