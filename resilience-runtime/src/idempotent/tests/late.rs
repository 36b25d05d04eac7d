//! Operations that have not begun when the lease of their claim is over.

use std::future::pending;
use std::task::Poll;

use tokio::task::yield_now;

use super::*;
use crate::context;
use crate::time::pause;

/// A call that is let in after a while, as by a bulkhead in its stack.
async fn call_after(
    wait: impl Future<Output = ()>,
    body: impl Future<Output = Result<u32, Error>>,
) -> Result<u32, Error> {
    let edge = edge_rejecting::<Result<u32, Error>>();
    let below = async {
        wait.await;
        edge.attempt_later(body).await
    };
    call_with(&LEDGER, edge, codec(), below).await
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

async fn has_lost(runtime: &Runtime, called: Result<u32, Error>) {
    let lost = called.expect_err("too late");
    assert_eq!((lost.kind(), lost.may_have_run()), (Kind::LeaseLost, false));
    assert_eq!(state(runtime).await, Some(EntryState::Released), "it is given up");
}

/// A poll, after which the whole process stands still.
async fn stand_still<F: Future>(mut future: Pin<&mut F>, time: Duration) {
    assert!(poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await.is_pending());
    tokio::time::advance(time).await;
}

/// It is of a minute, and a tenth of it is for clocks that do not run alike.
#[tokio::test(start_paused = true)]
async fn a_lease_counts_from_the_question() {
    for (slow_claim, runs) in [(53, true), (54, false), (600, false)] {
        let runtime = Runtime::over(Arc::new(Flaky { slow_claim: seconds(slow_claim), ..Flaky::new() }));
        let called = runtime.scope(call(async { Ok(7) })).await;
        assert_eq!(called.is_ok(), runs, "{slow_claim} s");
    }
    let runtime = Runtime::over(Arc::new(Flaky { slow_claim: seconds(1), ..Flaky::new() }));
    let mut called = pin!(runtime.scope(call(not_run())));
    stand_still(called.as_mut(), seconds(54)).await;
    has_lost(&runtime, called.await).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_begin_does_not_begin_after_its_lease() {
    for (stands, runs) in [(53, true), (54, false)] {
        for runtime in [Runtime::builder().memory().build(), Runtime::over(Arc::new(Flaky::new()))] {
            let wait = async {
                yield_now().await;
                yield_now().await;
            };
            let mut called = pin!(runtime.scope(call_after(wait, async { Ok(7) })));
            // At the first poll it asks. At the second its claim is granted, whatever the ledger.
            stand_still(called.as_mut(), Duration::ZERO).await;
            stand_still(called.as_mut(), seconds(stands)).await;
            let called = called.await;
            if runs {
                assert_eq!(called, Ok(7));
            } else {
                has_lost(&runtime, called).await;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_begin_is_renewed() {
    let runtime = Runtime::over(Arc::new(Flaky { renewals: 1.into(), ..Flaky::new() }));
    assert_eq!(runtime.scope(call_after(pause(seconds(300)), async { Ok(7) })).await, Ok(7));
    // Where nothing is renewed, it ends.
    let runtime = Runtime::over(Arc::new(Flaky { renewals: u32::MAX.into(), ..Flaky::new() }));
    let start = tokio::time::Instant::now();
    let called = runtime.scope(call_after(pending(), not_run())).await;
    assert_eq!(start.elapsed().as_secs(), 60, "when it would be renewed for the third time");
    has_lost(&runtime, called).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_begin_ends_with_its_claim() {
    let runtime = Runtime::over(Arc::new(Flaky { refuses: true, ..Flaky::new() }));
    let start = tokio::time::Instant::now();
    let called = runtime.scope(call_after(pending(), not_run())).await;
    assert_eq!(start.elapsed().as_secs(), 20, "when it would be renewed for the first time");
    has_lost(&runtime, called).await;
}

/// What has begun goes on. An attempt that certainly had no effect counts as none.
#[tokio::test(start_paused = true)]
async fn only_what_has_not_begun_is_held_back() {
    for harmless in [false, true] {
        let runtime = Runtime::over(Arc::new(Flaky { refuses: true, ..Flaky::new() }));
        let wait = async {
            context::attempt_started();
            pause(seconds(90)).await;
            if harmless {
                context::attempt_had_no_effect();
            }
            yield_now().await;
        };
        let called = runtime.scope(call_after(wait, async { Ok(7) })).await;
        assert_eq!(called.map_err(|error| error.kind()), if harmless { Err(Kind::LeaseLost) } else { Ok(7) });
    }
}

/// Its renewals fail for longer than its lease, and nobody took it over: the term is looked at before the body begins only.
#[tokio::test(start_paused = true)]
async fn what_has_begun_goes_on_while_the_ledger_is_away() {
    let runtime = Runtime::over(Arc::new(Flaky { renewals: u32::MAX.into(), ..Flaky::new() }));
    let body = async {
        pause(seconds(90)).await;
        Ok(7)
    };
    assert_eq!(runtime.scope(call(body)).await, Ok(7));
    assert_eq!(runtime.scope(call(not_run())).await, Ok(7), "it is kept");
}
