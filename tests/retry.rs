//! What `#[retry]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resilience::{bulkhead, circuit_breaker, retry, timeout};
use support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Step, Throttled, Transient, after, dropped_after,
    events, pass, poll_times, timed, word,
};

#[tokio::test(start_paused = true)]
async fn attempts_count_the_first_and_the_last_error_comes_back() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(3)), 200));
    assert_eq!(service.executions(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_it() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 0));
    service.now([Transient, Good]);
    assert_eq!(timed(call(&service)).await, (Ok(3), 100));
    service.now([Transient, Transient, Good]);
    assert_eq!(timed(call(&service)).await, (Ok(6), 200));
}

#[tokio::test(start_paused = true)]
async fn three_attempts_unless_said_otherwise() {
    #[retry(repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 1, repeatable)]
    async fn once(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(call(&service).await, Err(Fault::Transient(3)));
    assert_eq!(timed(once(&service)).await, (Err(Fault::Transient(4)), 0));
}

#[tokio::test(start_paused = true)]
async fn a_permanent_failure_is_not_repeated() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Permanent]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Permanent(1)), 0));
    service.now([Transient, Permanent]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Permanent(3)), 100));
}

#[tokio::test(start_paused = true)]
async fn throttled_waits_for_at_least_what_the_callee_asks() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Throttled(700), Throttled(20), Good]);
    assert_eq!(timed(call(&service)).await, (Ok(3), 800));
    service.now([Throttled(700)]);
    let (reply, ms) = timed(call(&service)).await;
    assert_eq!((word(&reply).as_str(), ms), ("throttled", 1_400));
}

#[tokio::test(start_paused = true)]
async fn throttled_keeps_its_pause_under_full_jitter() {
    #[retry(attempts = 2, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    for _ in 0..50 {
        let service = Service::new([Throttled(700), Good]);
        let (reply, ms) = timed(call(&service)).await;
        assert_eq!((reply, ms), (Ok(2), 700));
    }
}

#[tokio::test(start_paused = true)]
async fn throttled_by_a_method_and_without_a_pause() {
    #[derive(Debug, PartialEq, resilience::Failure)]
    enum Busy {
        #[failure(throttled(pause))]
        Later(u32),
        #[failure(throttled)]
        Whenever,
    }
    impl Busy {
        fn pause(&self) -> Option<Duration> {
            if let Self::Later(secs) = self { Some(Duration::from_secs(u64::from(*secs))) } else { None }
        }
    }
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(later: Option<u32>) -> Result<(), Busy> {
        Err(later.map_or(Busy::Whenever, Busy::Later))
    }
    assert_eq!(timed(call(Some(4))).await, (Err(Busy::Later(4)), 4_000));
    assert_eq!(timed(call(None)).await, (Err(Busy::Whenever), 100));
}

#[tokio::test(start_paused = true)]
async fn exponential_backoff_grows_to_its_limit() {
    #[retry(attempts = 8, backoff = exponential("50ms"), jitter = none, repeatable)]
    async fn usual(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 5, backoff = exponential("10ms", max = "500ms", factor = 10.0), jitter = none, repeatable)]
    async fn steep(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    events::record();
    assert_eq!(timed(usual(&service)).await.1, 50 + 100 + 200 + 400 + 800 + 1600 + 2000);
    assert_eq!(timed(steep(&service)).await.1, 10 + 100 + 500 + 500);
}

#[tokio::test(start_paused = true)]
async fn no_backoff_no_wait() {
    #[retry(attempts = 100, backoff = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(100)), 0));
}

#[tokio::test(start_paused = true)]
async fn jitter_stays_in_its_range_and_varies() {
    #[retry(attempts = 2, backoff = fixed("1s"), repeatable)]
    async fn full(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 2, backoff = fixed("1s"), jitter = equal, repeatable)]
    async fn equal(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let (mut fulls, mut equals) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        fulls.push(timed(full(&service)).await.1);
        equals.push(timed(equal(&service)).await.1);
    }
    // Tokio's timers have a millisecond of their own.
    assert!(fulls.iter().all(|ms| *ms <= 1_001), "{fulls:?}");
    assert!(fulls.iter().any(|ms| *ms < 500) && fulls.iter().any(|ms| *ms > 500), "{fulls:?}");
    assert!(equals.iter().all(|ms| (500..=1_001).contains(ms)), "{equals:?}");
    assert!(equals.iter().any(|ms| *ms < 750) && equals.iter().any(|ms| *ms > 750), "{equals:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_begins_at_the_end_of_an_attempt_and_none_follows_the_last() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(1_000, Transient)]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(3)), 3 * 1_000 + 2 * 100));
}

#[tokio::test(start_paused = true)]
async fn when_replaces_the_classes() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable, when = |error| matches!(error, Fault::Permanent(_)))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(call(&service).await, Err(Fault::Transient(1)));
    service.now([Throttled(1)]);
    assert_eq!(word(&call(&service).await), "throttled");
    assert_eq!(service.executions(), 2);
    service.now([Permanent]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Permanent(5)), 200));
}

#[tokio::test(start_paused = true)]
async fn when_serves_an_error_type_without_classes() {
    #[allow(clippy::trivially_copy_pass_by_ref)] // a predicate gets a reference
    fn odd(code: &u32) -> bool {
        code % 2 == 1
    }
    #[retry(attempts = 3, backoff = none, repeatable, when = odd)]
    async fn call(runs: &AtomicU32, code: u32) -> Result<(), u32> {
        runs.fetch_add(1, Ordering::SeqCst);
        Err(code)
    }
    let runs = AtomicU32::new(0);
    assert_eq!(call(&runs, 7).await, Err(7));
    assert_eq!(runs.swap(0, Ordering::SeqCst), 3);
    assert_eq!(call(&runs, 8).await, Err(8));
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn when_ok_repeats_a_value_and_the_last_one_comes_back() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable, when_ok = |n: &u32| *n < 5)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(timed(call(&service)).await, (Ok(3), 200), "the last value, though it is a failure");
    assert_eq!(timed(call(&service)).await, (Ok(5), 100));
    assert_eq!(timed(call(&service)).await, (Ok(6), 0));
    service.now([Transient, Good]);
    assert_eq!(timed(call(&service)).await, (Ok(8), 100), "errors keep their classes");
}

#[tokio::test(start_paused = true)]
async fn max_elapsed_forbids_new_attempts() {
    #[retry(attempts = 100, backoff = fixed("100ms"), jitter = none, max_elapsed = "350ms", repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(4)), 300), "none starts after 350 ms");
    service.now([after(340, Transient)]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(5)), 340));
    service.now([Throttled(1_000)]);
    assert_eq!(timed(call(&service)).await.1, 0, "it does not wait in vain");
}

#[tokio::test(start_paused = true)]
async fn max_elapsed_never_cuts_a_running_attempt() {
    #[retry(attempts = 100, backoff = fixed("100ms"), jitter = none, max_elapsed = "350ms", repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, after(5_000, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(2), 5_100));
}

#[tokio::test(start_paused = true)]
async fn arguments_are_cloned_for_every_attempt_but_the_last() {
    #[derive(Default)]
    struct Counted(Arc<AtomicU32>);
    impl Clone for Counted {
        fn clone(&self) -> Self {
            self.0.fetch_add(1, Ordering::SeqCst);
            Self(Arc::clone(&self.0))
        }
    }
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn call(service: &Service, argument: Counted) -> Reply {
        drop(argument);
        service.call().await
    }
    let clones = Arc::new(AtomicU32::new(0));
    let service = Service::new([Good]);
    assert_eq!(word(&call(&service, Counted(Arc::clone(&clones))).await), "ok");
    assert_eq!(clones.swap(0, Ordering::SeqCst), 1);
    service.now([Transient]);
    assert_eq!(word(&call(&service, Counted(Arc::clone(&clones))).await), "transient");
    assert_eq!(clones.load(Ordering::SeqCst), 2);
    assert_eq!(Arc::strong_count(&clones), 1);
}

#[tokio::test(start_paused = true)]
async fn mutable_references_are_lent_again() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn call(service: &Service, log: &mut Vec<u32>) -> Reply {
        log.push(service.executions());
        service.call().await
    }
    let (service, mut log) = (Service::new([Transient]), Vec::new());
    assert_eq!(word(&call(&service, &mut log).await), "transient");
    assert_eq!(log, [0, 1, 2]);
}

#[tokio::test(start_paused = true)]
async fn retries_in_one_stack_do_not_multiply() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[timeout(ms = 5_000)]
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable, nested = repeat)]
    #[timeout(ms = 5_000)]
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    async fn multiplied(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(3)), 20));
    let service = Service::new([Transient]);
    assert_eq!(timed(multiplied(&service)).await, (Err(Fault::Transient(9)), 3 * 20 + 2 * 100));
}

#[tokio::test(start_paused = true)]
async fn retries_across_functions_do_not_multiply() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        middle(service).await
    }
    #[timeout(ms = 9_000)]
    async fn middle(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable, nested = repeat)]
    async fn multiplied(service: &Service) -> Reply {
        middle(service).await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(outer(&service)).await, (Err(Fault::Transient(3)), 20));
    let service = Service::new([Transient]);
    assert_eq!(timed(multiplied(&service)).await, (Err(Fault::Transient(6)), 2 * 20 + 100));
}

#[tokio::test(start_paused = true)]
async fn failing_values_do_not_multiply_either() {
    #[retry(attempts = 3, backoff = none, repeatable, when_ok = |_: &u32| true)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 3, backoff = none, repeatable, when_ok = |_: &u32| true)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(outer(&service).await, Ok(3));
}

#[tokio::test(start_paused = true)]
async fn the_mark_of_a_nested_retry_is_cleared_by_each_attempt() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service, round: &AtomicU32) -> Reply {
        if round.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(Fault::Transient(0));
        }
        inner(service).await
    }
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let (service, round) = (Service::new([Transient]), AtomicU32::new(0));
    assert_eq!(outer(&service, &round).await, Err(Fault::Transient(2)));
    assert_eq!(round.load(Ordering::SeqCst), 2);
    // A nested retry that came through leaves no mark.
    let (service, round) = (Service::new([Transient, Good]), AtomicU32::new(1));
    assert_eq!(outer(&service, &round).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_nested_success_leaves_later_failures_to_the_outer_retry() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service, rounds: &AtomicU32) -> Reply {
        inner(service).await?;
        Err(Fault::Transient(rounds.fetch_add(1, Ordering::SeqCst)))
    }
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let (service, rounds) = (Service::new([Transient, Good]), AtomicU32::new(0));
    assert_eq!(outer(&service, &rounds).await, Err(Fault::Transient(2)));
}

#[tokio::test(start_paused = true)]
async fn a_nested_retry_of_one_attempt_is_none() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 1, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(outer(&service).await, Err(Fault::Transient(3)));
}

#[tokio::test(start_paused = true)]
async fn each_decision_is_told_once() {
    #[retry(attempts = 3, backoff = exponential("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), [""; 0]);
    service.now([Transient, Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["retry_scheduled 2 100.0"]);
    service.now([Transient]);
    assert_eq!(word(&call(&service).await), "transient");
    let told = events::take();
    assert_eq!(told[..2], ["retry_scheduled 2 100.0", "retry_scheduled 3 200.0"]);
    assert_eq!(told[2..], ["retry_stopped Transient 3 the attempts are used up"]);
    service.now([Permanent]);
    assert_eq!(word(&call(&service).await), "permanent");
    assert_eq!(events::take(), ["retry_stopped Permanent 1 the same call would fail again"]);
}

#[tokio::test(start_paused = true)]
async fn a_pair_of_retries_is_named() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient]);
    assert_eq!(word(&outer(&service).await), "transient");
    let sites = events::sites();
    let names: Vec<_> = sites.iter().filter_map(|site| site.rsplit("::").next()).collect();
    assert_eq!(names, ["inner", "inner", "outer"]);
}

#[tokio::test(start_paused = true)]
async fn the_timeout_of_a_nested_call_is_repeated_and_its_other_rejections_are_not() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn slow(service: &Service) -> Reply {
        cut(service).await
    }
    #[timeout(ms = 100)]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 5, backoff = none, repeatable)]
    async fn broken(service: &Service) -> Reply {
        guarded(service).await
    }
    #[circuit_breaker(consecutive = 2, open_for = "1s")]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(slow(&service)).await;
    assert_eq!((word(&reply).as_str(), ms, service.executions()), ("Timeout 1", 300, 3));
    let service = Service::new([Transient]);
    let reply = broken(&service).await;
    assert_eq!(reply.expect_err("open").rejection().kind(), resilience::Kind::CircuitOpen);
    assert_eq!(service.executions(), 2, "two attempts opened it, the third was rejected, and that was all");
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_not_repeated() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn call(service: Arc<Service>) -> Reply {
        service.call().await
    }
    let service = Arc::new(Service::new([Panic]));
    let task = tokio::spawn(call(Arc::clone(&service)));
    assert!(task.await.expect_err("a panic").is_panic());
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, max_elapsed = "150ms", repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    drop(call(&service));
    let early = call(&service);
    pass(1_000).await;
    assert_eq!(service.executions(), 0);
    assert_eq!(
        timed(early).await,
        (Err(Fault::Transient(2)), 100),
        "`max_elapsed` too counts from the first poll"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_dropped_while_it_waits_repeats_nothing() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(dropped_after(50, call(&service)).await, None);
    pass(1_000).await;
    assert_eq!(service.executions(), 1);
    assert!(poll_times(call(&service), 1).is_none());
    assert_eq!(service.executions(), 2);
}

#[tokio::test(start_paused = true)]
async fn calls_share_nothing() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let services = [Service::new([Transient]), Service::new([Transient, Good]), Service::new([Good])];
    let [a, b, c] = &services;
    let (a, b, c) = tokio::join!(call(a), call(b), call(c));
    assert_eq!((a, b, c), (Err(Fault::Transient(3)), Ok(2), Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn an_io_error_has_classes() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn call(runs: &AtomicU32, kind: std::io::ErrorKind) -> std::io::Result<()> {
        runs.fetch_add(1, Ordering::SeqCst);
        Err(kind.into())
    }
    let runs = AtomicU32::new(0);
    assert!(call(&runs, std::io::ErrorKind::ConnectionReset).await.is_err());
    assert_eq!(runs.swap(0, Ordering::SeqCst), 3);
    assert!(call(&runs, std::io::ErrorKind::PermissionDenied).await.is_err());
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_attempts_at_most_and_the_count_is_exact() {
    const MANY: u32 = 1_000;
    #[retry(attempts = MANY, backoff = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let steps: Vec<Step> = std::iter::repeat_n(Transient, 999).chain([Good]).collect();
    assert_eq!(call(&Service::new(steps)).await, Ok(1_000));
}

#[derive(Clone, Copy, PartialEq)]
enum Method {
    Get,
    Post,
}

/// Without `repeatable`: what may be repeated, each call says.
#[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, only_if = method == Method::Get || key.is_some())]
async fn send(service: &Service, method: Method, key: Option<String>) -> Reply {
    drop(key);
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn only_what_the_call_allows_is_repeated() {
    for (method, key, runs) in
        [(Method::Get, None, 3), (Method::Post, Some("k".to_owned()), 3), (Method::Post, None, 1)]
    {
        events::record();
        let service = Service::new([Transient]);
        assert_eq!(send(&service, method, key).await, Err(Fault::Transient(runs)));
        assert_eq!(service.executions(), runs);
        let why =
            if runs == 1 { "`only_if` does not hold for this call" } else { "the attempts are used up" };
        let last = events::take().pop();
        assert_eq!(last, Some(format!("retry_stopped Transient {runs} {why}")));
    }
    // The error is what it was: its class and its pause.
    let throttled = Service::new([Throttled(70)]);
    let error = send(&throttled, Method::Post, None).await.expect_err("one attempt");
    assert!(
        matches!(error, Fault::Throttled { execution: 1, wait } if wait == Duration::from_millis(70)),
        "{error:?}"
    );
}

/// A retry further out is another decision.
#[tokio::test(start_paused = true)]
async fn what_is_not_repeated_here_may_be_further_out() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        send(service, Method::Post, None).await
    }
    let service = Service::new([Transient, Good]);
    assert_eq!(outer(&service).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn every_end_without_a_success_is_told() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[bulkhead(max = 1)]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let _ = call(&Service::new([Permanent])).await;
    assert_eq!(events::take(), ["retry_stopped Permanent 1 the same call would fail again"]);
    let _ = call(&Service::new([Transient])).await;
    assert_eq!(events::take()[1..], ["retry_stopped Transient 2 the attempts are used up"]);
    let slow = Service::new([after(10, Good)]);
    let (_, full) = tokio::join!(guarded(&slow), guarded(&slow));
    assert_eq!(word(&full), "BulkheadFull 0");
    assert_eq!(
        events::take(),
        ["rejected BulkheadFull", "retry_stopped 1 it does not count as a failure that may pass"]
    );
    assert_eq!(call(&Service::new([Good])).await, Ok(1));
    assert_eq!(events::take(), [""; 0]);
}
