//! Twenty cases that other libraries got wrong or left open, one test each. Two of them have no test here: states that an
//! operator forces (9), and limits that are reloaded while calls run (18), come with the configuration.
#![allow(missing_docs)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{
    Bulkhead, CircuitBreaker, Gauges, Kind, RetryBudget, State, bulkhead, circuit_breaker, context, fallback,
    hedge, manifest, policies, rate_limit, retry, timeout,
};
use tokio::time::Instant;

use support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Throttled, Transient, after, dropped_after, events,
    kind, pass, poll_times, rejected, timed, word,
};

const SECOND: Duration = Duration::from_secs(1);

/// It is decided after every outcome, a success too.
#[tokio::test(start_paused = true)]
async fn case_01_a_success_that_completes_a_failing_window_opens_it() {
    #[circuit_breaker(failure_rate = 0.5, window = 4)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Transient, Transient, Good]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(word(&call(&service).await));
    }
    assert_eq!(seen, ["transient", "transient", "transient", "ok", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn case_02_late_results_of_an_earlier_state_change_nothing() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("case 2").consecutive(2).open_for(SECOND).probes(1);
    #[circuit_breaker(share = BREAKER)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    for late in [Good, Transient, Permanent] {
        let slow = Service::new([after(1_500, late)]);
        let (bad, hang) = (Service::new([Transient]), Service::new([Hang]));
        let started_closed = async { tokio::join!(call(&slow), call(&slow), call(&slow)) };
        let meanwhile = async {
            let _ = (call(&bad).await, call(&bad).await);
            assert_eq!(BREAKER.state(), State::Open);
            pass(1_200).await;
            let mut probe = pin!(call(&hang));
            let poll = probe.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(poll.is_pending());
            pass(1_000).await; // the three come home
            assert_eq!((BREAKER.state(), BREAKER.gauges().probes), (State::HalfOpen, 1));
            assert_eq!(kind(call(&bad).await), Kind::CircuitOpen, "the only probe is still out");
        };
        let (replies, ()) = tokio::join!(started_closed, meanwhile);
        assert!(
            [replies.0, replies.1, replies.2].iter().all(|reply| !matches!(reply, Err(Fault::Policy(_))))
        );
        assert_eq!(call(&Service::new([Good])).await, Ok(1), "the dropped probe is given again");
        assert_eq!(BREAKER.state(), State::Closed);
    }
}

#[tokio::test(start_paused = true)]
async fn case_03_a_probe_that_is_dropped_panics_or_never_ends_blocks_nobody() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("case 3")
        .consecutive(1)
        .open_for(SECOND)
        .probes(1)
        .probe_timeout(Duration::from_secs(3));
    #[circuit_breaker(share = BREAKER)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let (good, bad) = (Service::new([Good]), Service::new([Transient]));
    let half_open = async || {
        let _ = call(&bad).await;
        pass(1_000).await;
    };
    half_open().await;
    assert!(dropped_after(10, call(&Service::new([Hang]))).await.is_none());
    assert_eq!((word(&call(&good).await).as_str(), BREAKER.state()), ("ok", State::Closed));

    half_open().await;
    let panics = Service::new([Panic]);
    assert!(catch_unwind(AssertUnwindSafe(|| poll_times(call(&panics), 1))).is_err());
    assert_eq!((BREAKER.state(), BREAKER.gauges()), (State::Open, Gauges::default()), "it has failed");
    pass(1_000).await;
    assert_eq!(word(&call(&good).await), "ok");

    half_open().await;
    let hang = Service::new([Hang]);
    let mut probe = pin!(call(&hang));
    assert!(probe.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(kind(call(&good).await), Kind::CircuitOpen);
    pass(3_000).await;
    let again = rejected(call(&good).await).retry_after();
    assert!(again.is_some_and(|again| again <= SECOND), "it has failed, and is open: {again:?}");
    pass(1_000).await;
    assert_eq!((word(&call(&good).await).as_str(), BREAKER.state()), ("ok", State::Closed));
}

#[tokio::test(start_paused = true)]
async fn case_04_a_neutral_or_cancelled_last_probe_neither_closes_nor_opens() {
    static BREAKER: CircuitBreaker = CircuitBreaker::new("case 4").consecutive(1).open_for(SECOND).probes(2);
    #[circuit_breaker(share = BREAKER)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let _ = call(&Service::new([Transient])).await;
    pass(1_000).await;
    let good = Service::new([Good]);
    assert_eq!(word(&call(&good).await), "ok");
    assert!(call(&Service::new([Throttled(10)])).await.is_err());
    assert_eq!(BREAKER.state(), State::HalfOpen);
    assert!(dropped_after(10, call(&Service::new([Hang]))).await.is_none());
    assert_eq!((BREAKER.state(), BREAKER.gauges().probes), (State::HalfOpen, 0));
    assert_eq!((word(&call(&good).await).as_str(), BREAKER.state()), ("ok", State::Closed));
}

/// 64 threads ask in the same moment.
#[tokio::test(start_paused = true)]
async fn case_05_half_open_lets_in_no_more_than_its_probes() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let _ = call(&Service::new([Transient])).await;
    pass(1_000).await;
    let (hang, inside, barrier) = (Service::new([Hang]), AtomicU32::new(0), Barrier::new(64));
    let clock = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let _clock = clock.enter();
                let mut probe = pin!(call(&hang));
                barrier.wait();
                match probe.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Pending => drop(inside.fetch_add(1, Ordering::SeqCst)),
                    Poll::Ready(reply) => assert_eq!(kind(reply), Kind::CircuitOpen),
                }
                barrier.wait();
            });
        }
    });
    assert_eq!((inside.into_inner(), hang.executions()), (3, 3));
}

/// `min_calls` is about the closed state, and `probes` about the half-open one. More `min_calls` than the window holds do
/// not compile (`tests/ui/circuit_breaker/blind_breaker.rs`).
#[tokio::test(start_paused = true)]
async fn case_06_fewer_calls_than_probes() {
    #[circuit_breaker(window = 4, min_calls = 1, open_for = "1s", probes = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Good]);
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(kind(call(&service).await), Kind::CircuitOpen, "one call is enough to open it");
    pass(1_000).await;
    assert_eq!((word(&call(&service).await), word(&call(&service).await)), ("ok".into(), "ok".into()));
    service.now([Transient]);
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(kind(call(&service).await), Kind::CircuitOpen, "two of three probes do not close it");
}

/// A rate of zero, and one above one, do not compile (`tests/ui/circuit_breaker`).
#[tokio::test(start_paused = true)]
async fn case_07_the_ends_of_the_ranges_are_exact() {
    #[circuit_breaker(failure_rate = 1.0, window = 3, min_calls = 3)]
    async fn all(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 1.0, window = 1)]
    async fn one(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.0001, window = 10_000, min_calls = 10_000)]
    async fn rare(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, Transient, Transient, Transient, Good]);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(word(&all(&service).await));
    }
    assert_eq!(seen, ["ok", "transient", "transient", "transient", "CircuitOpen 0"]);
    assert_eq!(word(&one(&Service::new([Transient])).await), "transient");
    assert_eq!(kind(one(&Service::new([Good])).await), Kind::CircuitOpen);
    let service = Service::new([Transient, Good]);
    for call in 1..=10_000 {
        assert!(!matches!(rare(&service).await, Err(Fault::Policy(_))), "{call}");
    }
    assert_eq!(kind(rare(&service).await), Kind::CircuitOpen);
}

/// The clock is monotonic. That an older reading of it changes nothing is a test of the window itself.
#[tokio::test(start_paused = true)]
async fn case_08_idle_for_longer_than_the_window_and_at_its_edge() {
    #[circuit_breaker(failure_rate = 0.5, window = "16s", min_calls = 4)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let bad = Service::new([Transient]);
    for idle in [0, 16_000, 17_001, 1_000_000] {
        pass(idle).await;
        for _ in 0..3 {
            assert_eq!(word(&call(&bad).await), "transient", "after {idle} ms");
        }
    }
    pass(14_999).await;
    assert_eq!(word(&call(&bad).await), "transient", "the fourth within the window");
    assert_eq!(kind(call(&bad).await), Kind::CircuitOpen);
}

#[tokio::test(start_paused = true)]
async fn case_10_a_wait_that_would_reach_the_deadline_is_not_begun() {
    #[retry(attempts = 5, backoff = fixed("300ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let bad = Service::new([Transient]);
    let soon = Instant::now() + SECOND;
    let (reply, ms) = timed(context::with_deadline(soon, call(&bad))).await;
    assert_eq!((reply, ms), (Err(Fault::Transient(4)), 900), "the last real error, at once");
    let busy = Service::new([Throttled(5_000)]);
    let soon = Instant::now() + SECOND;
    let (reply, ms) = timed(context::with_deadline(soon, call(&busy))).await;
    assert_eq!((word(&reply).as_str(), ms, busy.executions()), ("throttled", 0, 1));
}

#[tokio::test(start_paused = true)]
async fn case_11_a_timeout_in_the_queue_and_one_in_the_body() {
    static ROOM: Bulkhead = Bulkhead::new("case 11", 1).queue(1);
    #[timeout(ms = 100)]
    #[bulkhead(share = ROOM)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[bulkhead(share = ROOM)]
    async fn hold(service: &Service) -> Reply {
        service.call().await
    }
    let (slow, good) = (Service::new([after(500, Good)]), Service::new([Good]));
    let (_, cut) = tokio::join!(hold(&slow), call(&good));
    let cut = rejected(cut);
    assert_eq!((cut.kind(), cut.may_have_run(), good.executions()), (Kind::Timeout, false, 0));
    assert_eq!(ROOM.gauges(), Gauges::default());
    let hang = Service::new([Hang]);
    let watch = async {
        pass(99).await;
        assert_eq!((ROOM.gauges().running, hang.running()), (1, 1));
    };
    let (cut, ()) = tokio::join!(call(&hang), watch);
    assert!(rejected(cut).may_have_run());
    assert_eq!((ROOM.gauges(), hang.running()), (Gauges::default(), 0));
}

#[tokio::test(start_paused = true)]
async fn case_12_each_attempt_has_its_own_place_and_record() {
    static ROOM: Bulkhead = Bulkhead::new("case 12", 1);
    static BREAKER: CircuitBreaker = CircuitBreaker::new("case 12").consecutive(3);
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[circuit_breaker(share = BREAKER)]
    #[bulkhead(share = ROOM)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let bad = Service::new([Transient]);
    let watch = async {
        pass(50).await;
        assert_eq!((ROOM.gauges().running, BREAKER.state()), (0, State::Closed));
        // Somebody else has the only place when the second attempt comes.
        let hang = Service::new([Hang]);
        let _ = dropped_after(100, ROOM.run(async || hang.call().await)).await;
    };
    let (reply, ()) = tokio::join!(call(&bad), watch);
    let full = rejected(reply);
    assert_eq!((full.kind(), full.attempts(), bad.executions()), (Kind::BulkheadFull, 1, 1), "no repeat");
    assert_eq!(word(&call(&bad).await), "CircuitOpen 2", "one and two records: the rejection is none");
    assert_eq!(BREAKER.state(), State::Open);
}

#[tokio::test(start_paused = true)]
async fn case_13_a_waiter_that_is_dropped_while_its_place_comes_hands_it_on() {
    static ROOM: Bulkhead = Bulkhead::new("case 13", 1).queue(2);
    let enter = async |service: &Service| -> Reply { ROOM.run(async || service.call().await).await };
    let (hang, good) = (Service::new([Hang]), Service::new([Good]));
    let cx = &mut Context::from_waker(Waker::noop());
    let mut holder = Box::pin(enter(&hang));
    let (mut first, mut second) = (Box::pin(enter(&good)), Box::pin(enter(&good)));
    assert!(holder.as_mut().poll(cx).is_pending());
    assert!(first.as_mut().poll(cx).is_pending() && second.as_mut().poll(cx).is_pending());
    drop(holder); // the place is the first one's now, which does not know yet
    drop(first);
    assert_eq!(second.as_mut().poll(cx), Poll::Ready(Ok(1)));
    assert_eq!(ROOM.gauges(), Gauges::default());
}

/// A loser is dropped before the call returns.
#[tokio::test(start_paused = true)]
async fn case_14_a_loser_is_settled_as_cancelled() {
    static ROOM: Bulkhead = Bulkhead::new("case 14", 2);
    static BREAKER: CircuitBreaker = CircuitBreaker::new("case 14").consecutive(1).open_for(SECOND).probes(2);
    #[hedge(after = "50ms", repeatable)]
    #[circuit_breaker(share = BREAKER)]
    #[bulkhead(share = ROOM)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(200, Good), after(10, Permanent)]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 200), "an error does not win over a pending attempt");
    let service = Service::new([Hang, after(10, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(2), 60));
    assert_eq!((service.running(), ROOM.gauges(), BREAKER.state()), (0, Gauges::default(), State::Closed));
    let _ = call(&Service::new([Transient])).await;
    pass(1_000).await;
    let service = Service::new([Hang, after(10, Good)]);
    assert_eq!(call(&service).await, Ok(2), "both are probes");
    assert_eq!(
        (BREAKER.state(), BREAKER.gauges().probes),
        (State::HalfOpen, 0),
        "one succeeded, one is free"
    );
    assert_eq!((call(&Service::new([Good])).await, BREAKER.state()), (Ok(1), State::Closed));
}

#[tokio::test(start_paused = true)]
async fn case_15_a_budget_for_retries_and_hedges() {
    static BUDGET: RetryBudget = RetryBudget::new().share(0.0).floor(0).burst(3);
    #[retry(attempts = 2, backoff = none, repeatable, budget = BUDGET)]
    async fn again(service: &Service) -> Reply {
        service.call().await
    }
    #[hedge(after = "50ms", repeatable, budget = BUDGET)]
    async fn beside(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(word(&again(&Service::new([Transient, Good])).await), "ok");
    assert_eq!(word(&beside(&Service::new([Hang, Good])).await), "ok");
    // What a panic has spent is spent, and it holds no more than that.
    let panics = Service::new([Hang, Panic]);
    assert!(has_panicked(beside(&panics)).await);
    // Three are spent: nobody repeats, and nobody fails because of it.
    assert_eq!(word(&again(&Service::new([Transient, Good])).await), "transient");
    let slow = Service::new([after(300, Good)]);
    assert_eq!((timed(beside(&slow)).await, slow.executions()), ((Ok(1), 300), 1));
}

/// Whether the call panics.
async fn has_panicked<F: Future>(call: F) -> bool {
    let mut call = pin!(call);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(_)) => Poll::Ready(false),
        Err(_) => Poll::Ready(true),
    })
    .await
}

/// A literal weight above the burst does not compile (`tests/ui/rate_limit/weight_above_burst.rs`).
#[tokio::test(start_paused = true)]
async fn case_16_a_reservation_comes_back_and_too_much_never_waits() {
    #[rate_limit(permits = 10, burst = 4, max_wait = "10s", weight = weight)]
    async fn call(weight: u32, service: &Service) -> Reply {
        service.call().await
    }
    let good = Service::new([Good]);
    assert_eq!(call(4, &good).await, Ok(1));
    let leaves = async { dropped_after(10, call(4, &good)).await };
    let behind = async { timed(call(1, &good)).await };
    let (left, (reply, ms)) = tokio::join!(biased; leaves, behind);
    assert_eq!((left, reply, ms), (None, Ok(2), 100), "as if the first had never come");
    let (never, ms) = timed(call(5, &good)).await;
    let never = rejected(never);
    assert_eq!((never.kind(), never.retry_after(), ms), (Kind::RateLimited, None, 0));
}

#[tokio::test(start_paused = true)]
async fn case_17_the_fallbacks_error_is_returned_and_both_are_seen() {
    #[fallback(|error| Err(answer(&error)))]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    static ANSWERS: AtomicU32 = AtomicU32::new(0);
    fn answer(error: &Fault) -> Fault {
        assert_eq!(*error, Fault::Transient(2));
        ANSWERS.fetch_add(1, Ordering::SeqCst);
        Fault::Permanent(99)
    }
    events::record();
    assert_eq!(call(&Service::new([Transient])).await, Err(Fault::Permanent(99)));
    let told = events::take();
    assert!(told.contains(&"degraded Transient".to_owned()), "the first one is told: {told:?}");
    assert!(dropped_after(10, call(&Service::new([Hang]))).await.is_none());
    assert_eq!(ANSWERS.load(Ordering::SeqCst), 1, "a caller that has gone is not answered");
}

#[tokio::test(start_paused = true)]
async fn case_19_a_full_store_keeps_what_is_open() {
    #[circuit_breaker(key = key, max_keys = 2, consecutive = 1, open_for = "1m")]
    async fn call(key: u32, service: &Service) -> Reply {
        service.call().await
    }
    let (bad, good) = (Service::new([Transient]), Service::new([Good]));
    let _ = (call(1, &bad).await, call(2, &bad).await);
    events::record();
    for key in 3..10 {
        assert_eq!(word(&call(key, &good).await), "ok", "the bucket for the rest");
    }
    assert!(events::take().iter().any(|event| event.starts_with("keys_full")));
    assert_eq!(kind(call(1, &good).await), Kind::CircuitOpen);
    assert_eq!(kind(call(2, &good).await), Kind::CircuitOpen);
    pass(60_000).await;
    for key in [1, 2] {
        let hang = Service::new([Hang]);
        let (asks, rest) = tokio::join!(dropped_after(10, call(key, &hang)), call(key + 10, &good));
        assert!(asks.is_none() && rest.is_ok() && hang.executions() == 1, "half open it stays too");
    }
}

/// The name of a site is for people. State belongs to a function, and one generic function has one.
#[tokio::test(start_paused = true)]
async fn case_20_one_state_per_function_whatever_its_name_and_types() {
    mod one {
        use super::*;
        #[policies(name = "case 20")]
        #[circuit_breaker(consecutive = 1)]
        pub(super) async fn call(service: &Service) -> Reply {
            service.call().await
        }
    }
    mod two {
        use super::*;
        #[policies(name = "case 20")]
        #[circuit_breaker(consecutive = 1)]
        pub(super) async fn call(service: &Service) -> Reply {
            service.call().await
        }
    }
    #[circuit_breaker(consecutive = 1)]
    async fn generic<T, const N: usize>(_of: [T; N], service: &Service) -> Reply {
        service.call().await
    }
    let (bad, good) = (Service::new([Transient]), Service::new([Good]));
    let _ = one::call(&bad).await;
    assert_eq!(kind(one::call(&good).await), Kind::CircuitOpen);
    assert_eq!(word(&two::call(&good).await), "ok");
    let _ = generic([1_u8], &bad).await;
    assert_eq!(kind(generic(["a", "b"], &good).await), Kind::CircuitOpen);
    assert_eq!(manifest().filter(|site| site.stored_name() == "case 20").count(), 2);
}
