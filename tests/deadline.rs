//! The deadline of a task: set by timeouts and by `with_deadline`, kept by everything further in.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use resilience::{Kind, circuit_breaker, context, retry, timeout};
use support::{
    Fault, Good, Hang, Reply, Service, Throttled, Transient, after, events, kind, pass, rejected, timed, word,
};
use tokio::time::Instant;

fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

/// Milliseconds up to the deadline.
fn left() -> Option<u128> {
    context::deadline().map(|at| at.saturating_duration_since(Instant::now()).as_millis())
}

#[tokio::test(start_paused = true)]
async fn a_timeout_sets_it() {
    #[timeout(ms = 500)]
    async fn call() -> Result<(), resilience::Error> {
        assert_eq!(left(), Some(500));
        pass(200).await;
        assert_eq!(left(), Some(300));
        Ok(())
    }
    assert_eq!(left(), None);
    assert_eq!(call().await, Ok(()));
    assert_eq!(left(), None);
}

#[tokio::test(start_paused = true)]
async fn it_counts_from_the_start_even_if_it_is_read_late() {
    #[timeout(ms = 500)]
    async fn call() -> Result<(), resilience::Error> {
        pass(200).await;
        assert_eq!(left(), Some(300));
        Ok(())
    }
    assert_eq!(call().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn every_attempt_has_its_own_within_the_total() {
    #[timeout(ms = 1_000)]
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[timeout(ms = 400)]
    async fn call(seen: &mut Vec<Option<u128>>) -> Reply {
        seen.push(left());
        std::future::pending().await
    }
    let mut seen = Vec::new();
    let (reply, ms) = timed(call(&mut seen)).await;
    // The third begins at its deadline, and so it does not begin.
    assert_eq!((word(&reply).as_str(), ms), ("Timeout 2", 900));
    assert_eq!(seen, [Some(400), Some(400)]);
}

#[tokio::test(start_paused = true)]
async fn the_last_attempt_gets_what_is_left() {
    #[timeout(ms = 1_000)]
    #[retry(attempts = 3, backoff = fixed("50ms"), jitter = none, repeatable)]
    #[timeout(ms = 400)]
    async fn call(seen: &mut Vec<Option<u128>>) -> Reply {
        seen.push(left());
        std::future::pending().await
    }
    let mut seen = Vec::new();
    let (reply, ms) = timed(call(&mut seen)).await;
    assert_eq!((word(&reply).as_str(), ms), ("Timeout 3", 1_000));
    assert_eq!(seen, [Some(400), Some(400), Some(100)]);
}

#[tokio::test(start_paused = true)]
async fn nested_calls_have_the_nearer_one() {
    #[timeout(ms = 500)]
    async fn outer() -> Result<(), resilience::Error> {
        near().await?;
        assert_eq!(left(), Some(500));
        pass(100).await;
        near().await?;
        far().await?;
        assert_eq!(left(), Some(400));
        pass(350).await;
        assert_eq!(near_left().await?, Some(50));
        Ok(())
    }
    #[timeout(ms = 200)]
    async fn near() -> Result<(), resilience::Error> {
        assert_eq!(left(), Some(200));
        Ok(())
    }
    #[timeout(ms = 200)]
    async fn near_left() -> Result<Option<u128>, resilience::Error> {
        Ok(left())
    }
    #[timeout(ms = 9_000)]
    async fn far() -> Result<(), resilience::Error> {
        assert_eq!(left(), Some(400));
        Ok(())
    }
    assert_eq!(outer().await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn with_deadline_sets_it_and_takes_it_back() {
    let at = in_ms(300);
    context::with_deadline(at, async {
        assert_eq!(context::deadline(), Some(at));
        context::with_deadline(in_ms(900), async { assert_eq!(left(), Some(300), "the nearer counts") })
            .await;
        context::with_deadline(in_ms(100), async { assert_eq!(left(), Some(100)) }).await;
        pass(100).await;
        assert_eq!(left(), Some(200));
    })
    .await;
    assert_eq!(left(), None);
}

#[tokio::test(start_paused = true)]
async fn with_deadline_cuts_nothing_by_itself() {
    let late = context::with_deadline(in_ms(100), pass(500));
    assert_eq!(timed(late).await.1, 500);
}

#[tokio::test(start_paused = true)]
async fn with_deadline_takes_an_instant_of_std() {
    let at = in_ms(300).into_std();
    context::with_deadline(at, async {
        assert_eq!(context::deadline().map(Instant::into_std), Some(at));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_keeps_a_nearer_deadline() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Hang]);
    let (reply, ms) = timed(context::with_deadline(in_ms(200), call(&service))).await;
    let error = rejected(reply);
    assert_eq!((error.kind(), error.attempts(), ms), (Kind::DeadlineExceeded, 1, 200));
    assert_eq!(events::take(), ["rejected DeadlineExceeded"]);
    let (reply, ms) = timed(context::with_deadline(in_ms(800), call(&service))).await;
    assert_eq!((kind(reply), ms), (Kind::Timeout, 500), "its own comes first");
}

#[tokio::test(start_paused = true)]
async fn nothing_starts_after_the_deadline() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let (service, at) = (Service::new([Good]), in_ms(100));
    pass(100).await;
    let error = rejected(context::with_deadline(at, call(&service)).await);
    assert_eq!((error.kind(), error.may_have_run()), (Kind::DeadlineExceeded, false));
    assert_eq!(service.executions(), 0);
    pass(1_000).await;
    assert_eq!(kind(context::with_deadline(at, call(&service)).await), Kind::DeadlineExceeded);
    assert_eq!(word(&call(&service).await), "ok", "it is over with its future");
}

#[tokio::test(start_paused = true)]
async fn a_retry_does_not_sleep_past_it() {
    #[retry(attempts = 5, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let (reply, ms) = timed(context::with_deadline(in_ms(250), call(&service))).await;
    assert_eq!((reply, ms), (Err(Fault::Transient(3)), 200), "the last real error, at once");
    let (reply, ms) = timed(context::with_deadline(in_ms(100), call(&service))).await;
    assert_eq!((reply, ms), (Err(Fault::Transient(4)), 0));
    service.now([Throttled(60_000)]);
    let (reply, ms) = timed(context::with_deadline(in_ms(10_000), call(&service))).await;
    assert_eq!((word(&reply).as_str(), ms), ("throttled", 0));
}

#[tokio::test(start_paused = true)]
async fn a_retry_says_why_it_stopped() {
    #[retry(attempts = 5, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient]);
    let _ = context::with_deadline(in_ms(50), call(&service)).await;
    assert_eq!(events::take(), ["retry_stopped Transient 1 the deadline comes before the next attempt"]);
}

#[tokio::test(start_paused = true)]
async fn a_retry_under_another_functions_timeout_keeps_it() {
    #[timeout(ms = 350)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 9, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(outer(&service)).await, (Err(Fault::Transient(4)), 300));
    service.now([after(40, Transient)]);
    assert_eq!(timed(outer(&service)).await, (Err(Fault::Transient(7)), 3 * 40 + 2 * 100));
}

#[tokio::test(start_paused = true)]
async fn deadline_exceeded_is_neither_repeated_nor_recorded() {
    #[retry(attempts = 5, backoff = fixed("10ms"), jitter = none, repeatable)]
    #[circuit_breaker(consecutive = 1)]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    for execution in 1..4 {
        let (reply, ms) = timed(context::with_deadline(in_ms(200), call(&service))).await;
        assert_eq!((kind(reply), ms), (Kind::DeadlineExceeded, 200));
        assert_eq!(service.executions(), execution);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_set_in_the_body_is_kept_below() {
    #[timeout(ms = 500)]
    async fn outer(service: &Service) -> Reply {
        let reply = context::with_deadline(in_ms(100), inner(service)).await;
        assert_eq!(left(), Some(400), "and not above");
        reply
    }
    #[timeout(ms = 300)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(outer(&service)).await;
    assert_eq!(ms, 100);
    let error = rejected(reply);
    assert_eq!(error.kind(), Kind::DeadlineExceeded);
    assert!(error.site().ends_with("::inner"));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_further_away_changes_nothing() {
    #[timeout(ms = 100)]
    async fn outer(service: &Service) -> Reply {
        context::with_deadline(in_ms(400), inner(service)).await
    }
    #[timeout(ms = 300)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(outer(&service)).await;
    assert_eq!(ms, 100);
    let error = rejected(reply);
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(error.site().ends_with("::outer"));
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side_have_their_own() {
    #[timeout(ms = 500)]
    async fn outer(service: &Service) -> Reply {
        let short = async {
            let _ = short(service).await;
            pass(50).await;
            left()
        };
        let own = async {
            pass(120).await;
            left()
        };
        let (long, short, own) = tokio::join!(long(service), short, own);
        assert_eq!((short, own), (Some(350), Some(380)));
        long
    }
    #[timeout(ms = 100)]
    async fn short(service: &Service) -> Reply {
        pass(60).await;
        assert_eq!(left(), Some(40));
        service.call().await
    }
    #[timeout(ms = 300)]
    async fn long(service: &Service) -> Reply {
        pass(110).await;
        assert_eq!(left(), Some(190));
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(outer(&service)).await;
    assert_eq!((kind(reply), ms), (Kind::Timeout, 300));
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_has_it_and_one_of_tokios_has_none() {
    #[timeout(ms = 500)]
    async fn call() -> Result<(), resilience::Error> {
        assert_eq!(tokio::spawn(async { left() }).await.expect("no panic"), None);
        pass(100).await;
        assert_eq!(resilience::spawn(async { left() }).await.expect("no panic"), Some(400));
        let task = resilience::spawn(async {
            pass(150).await;
            left()
        });
        assert_eq!(task.await.expect("no panic"), Some(250));
        let at = context::deadline().expect("set");
        let carried = tokio::spawn(context::with_deadline(at, async { left() }));
        assert_eq!(carried.await.expect("no panic"), Some(250));
        Ok(())
    }
    assert_eq!(call().await, Ok(()));
}

/// Nobody polls the call while its task runs, so the task watches the deadline itself.
#[tokio::test(start_paused = true)]
async fn a_timeout_in_a_task_cuts_at_the_deadline() {
    #[timeout(ms = 300)]
    async fn outer(done: tokio::sync::oneshot::Sender<(Kind, u128)>) -> Result<(), Fault> {
        resilience::spawn(async move {
            let service = Service::new([Hang]);
            let (reply, ms) = timed(inner(&service)).await;
            let _ = done.send((kind(reply), ms));
        });
        std::future::pending().await
    }
    #[timeout(ms = 1_000)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let (done, told) = tokio::sync::oneshot::channel();
    let reply = outer(done).await;
    assert!(matches!(reply, Err(Fault::Policy(error)) if error.kind() == Kind::Timeout));
    assert_eq!(told.await, Ok((Kind::DeadlineExceeded, 300)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_takes_it_back() {
    #[timeout(ms = 500)]
    async fn call() -> Result<(), resilience::Error> {
        panic!("on purpose");
    }
    for _ in 0..2 {
        let mut task = Box::pin(context::with_deadline(in_ms(100), call()));
        let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            support::poll_times(task.as_mut(), 1).is_some()
        }));
        assert!(unwound.is_err());
        assert_eq!(left(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_in_the_far_future_is_no_trouble() {
    #[timeout(after = "36500d")]
    async fn call(service: &Service) -> Reply {
        assert!(context::deadline().is_some());
        service.call().await
    }
    let service = Service::new([after(86_400_000, Good)]);
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_moved_away_from_its_outer_timeout_keeps_its_own() {
    #[timeout(ms = 500)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    #[timeout(ms = 100)]
    async fn outer<F: Future<Output = Reply>>(call: std::pin::Pin<&mut F>) -> Reply {
        call.await
    }
    let service = Service::new([Hang]);
    let start = Instant::now();
    let mut call = Box::pin(inner(&service));
    assert_eq!(kind(outer(call.as_mut()).await), Kind::Timeout);
    assert_eq!(start.elapsed().as_millis(), 100);
    assert_eq!(kind(call.await), Kind::Timeout);
    assert_eq!(start.elapsed().as_millis(), 501);
}
