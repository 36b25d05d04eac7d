//! What `#[hedge]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resilience::{
    Kind, RetryBudget, Runtime, bulkhead, circuit_breaker, context, hedge, idempotent, retry, spawn, timeout,
};
use support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Running, Service, Transient, after, dropped_after, events,
    pass, poll_times, rejected, timed, word,
};

#[hedge(after = "50ms", repeatable)]
async fn call(service: &Service) -> Reply {
    service.call().await
}

#[hedge(after = "50ms", max = 3, repeatable)]
async fn up_to_four(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn one_that_is_in_time_runs_alone() {
    events::record();
    let service = Service::new([Good, after(49, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 0));
    assert_eq!(timed(call(&service)).await, (Ok(2), 49));
    pass(1_000).await;
    assert_eq!((service.executions(), service.completed()), (2, 2));
    assert!(events::take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_first_success_wins_and_the_other_is_dropped_at_once() {
    events::record();
    let service = Service::new([Hang, after(10, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(2), 60));
    assert_eq!((service.running(), service.completed()), (0, 1));
    assert_eq!(events::take(), ["hedge_started 2", "hedge_won 2"]);
    let service = Service::new([after(60, Good), after(100, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 60));
    assert_eq!((service.executions(), service.running(), service.completed()), (2, 0, 1));
    assert_eq!(events::take(), ["hedge_started 2"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_at_one_moment_the_earlier_attempt_wins() {
    events::record();
    let service = Service::new([after(60, Good), after(10, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 60));
    assert_eq!(events::take(), ["hedge_started 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_further_one_each_time_the_delay_has_passed() {
    let service = Service::new([Hang, Hang, Hang, after(7, Good)]);
    assert_eq!(timed(up_to_four(&service)).await, (Ok(4), 157));
    assert_eq!((service.executions(), service.running()), (4, 0));
    let service = Service::new([Hang]);
    assert!(dropped_after(149, up_to_four(&service)).await.is_none());
    assert_eq!((service.executions(), service.running()), (3, 0));
    let service = Service::new([Hang]);
    assert!(dropped_after(9_999, up_to_four(&service)).await.is_none());
    assert_eq!((service.executions(), service.running()), (4, 0), "no more than `max` beside the first");
}

#[tokio::test(start_paused = true)]
async fn an_error_never_beats_a_pending_attempt() {
    for (first, second, reply, ms) in [
        // The extra one fails first.
        (after(90, Good), after(10, Transient), "ok", 90),
        (after(90, Permanent), after(10, Transient), "permanent", 90),
        // The first one fails first.
        (after(60, Transient), after(90, Good), "ok", 140),
        (after(60, Transient), after(90, Permanent), "permanent", 140),
        // An extra one that fails at its first poll.
        (after(90, Good), Transient, "ok", 90),
        // Both at one moment.
        (after(60, Transient), after(10, Good), "ok", 60),
        (after(60, Good), after(10, Transient), "ok", 60),
    ] {
        let service = Service::new([first.clone(), second.clone()]);
        let (seen, took) = timed(call(&service)).await;
        assert_eq!((word(&seen).as_str(), took), (reply, ms), "{first:?} and {second:?}");
        assert_eq!((service.executions(), service.running()), (2, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_against_slowness_not_against_failure() {
    let service = Service::new([after(49, Transient), Good]);
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(1)), 49));
    assert_eq!(service.executions(), 1, "a failure starts no other attempt");
    // Nor does it bring the next one forward.
    let service = Service::new([Hang, after(10, Transient), after(10, Good)]);
    assert_eq!(timed(up_to_four(&service)).await, (Ok(3), 110));
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_at_the_deadline_or_after() {
    #[timeout(ms = 100)]
    #[hedge(after = "50ms", max = 3, repeatable)]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    #[hedge(after = "50ms", repeatable)]
    #[timeout(ms = 500)]
    async fn each(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(cut(&service)).await;
    assert_eq!((word(&reply).as_str(), ms, service.executions()), ("Timeout 2", 100, 2));
    // A deadline that nobody cuts at, of somebody further out.
    for (ms, executions) in [(50, 1), (51, 2)] {
        let service = Service::new([after(80, Good)]);
        let at = tokio::time::Instant::now() + Duration::from_millis(ms);
        let _ = context::with_deadline(at, call(&service)).await;
        assert_eq!(service.executions(), executions, "a deadline in {ms} ms");
    }
    // One below is for each attempt.
    let service = Service::new([Hang, after(499, Good)]);
    assert_eq!(timed(each(&service)).await, (Ok(2), 549));
    let service = Service::new([Hang]);
    let (reply, ms) = timed(each(&service)).await;
    assert_eq!((word(&reply).as_str(), ms), ("Timeout 2", 550));
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll_and_dropped_it_drops_all() {
    let service = Service::new([Hang]);
    drop(call(&service));
    assert_eq!(service.executions(), 0);
    for ms in [0, 10, 50, 60, 500] {
        let service = Service::new([Hang]);
        assert!(dropped_after(ms, up_to_four(&service)).await.is_none());
        assert_eq!(service.running(), 0, "dropped after {ms} ms, an attempt runs on");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_one_attempt_is_a_panic_of_the_call() {
    let service = Service::new([Panic]);
    assert!(catch_unwind(AssertUnwindSafe(|| poll_times(call(&service), 1))).is_err());
    assert_eq!(service.running(), 0);
    let service = Arc::new(Service::new([Hang, after(10, Panic)]));
    let task = tokio::spawn({
        let service = Arc::clone(&service);
        async move { call(&service).await }
    });
    assert!(task.await.expect_err("a panic").is_panic());
    assert_eq!((service.executions(), service.running()), (2, 0));
    assert_eq!(context::deadline(), None);
}

#[tokio::test(start_paused = true)]
async fn all_runs_count_as_attempts() {
    #[timeout(ms = 200)]
    #[hedge(after = "50ms", max = 2, repeatable)]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang, after(10, Transient), Hang]);
    let error = rejected(cut(&service).await);
    assert_eq!((error.kind(), error.attempts(), error.may_have_run()), (Kind::Timeout, 3, true));
}

#[tokio::test(start_paused = true)]
async fn losers_settle_as_cancelled() {
    #[hedge(after = "50ms", repeatable)]
    #[circuit_breaker(consecutive = 1, probes = 1, open_for = "1s")]
    #[bulkhead(max = 2)]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }
    for _ in 0..5 {
        let service = Service::new([Hang, after(10, Good)]);
        assert_eq!(guarded(&service).await, Ok(2), "neither the breaker nor a place remembers the loser");
    }
    // The probe of a half-open breaker is given again.
    let service = Service::new([Transient]);
    assert_eq!(word(&guarded(&service).await), "transient");
    pass(1_000).await;
    service.now([Hang]);
    assert!(dropped_after(200, guarded(&service)).await.is_none());
    service.now([Good]);
    assert_eq!(word(&guarded(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_full_bulkhead_below_only_costs_the_hedge() {
    #[hedge(after = "50ms", repeatable)]
    #[bulkhead(max = 1)]
    async fn narrow(service: &Service) -> Reply {
        service.call().await
    }
    #[hedge(after = "50ms", repeatable)]
    #[bulkhead(max = 1, queue = 1)]
    async fn queued(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(80, Good)]);
    assert_eq!(timed(narrow(&service)).await, (Ok(1), 80));
    let service = Service::new([after(80, Transient), after(5, Good)]);
    assert_eq!(timed(queued(&service)).await, (Ok(2), 85), "the place goes from one attempt to the other");
}

#[tokio::test(start_paused = true)]
async fn dropped_or_panicking_at_every_moment_it_holds_nothing() {
    #[timeout(ms = 120)]
    #[hedge(after = "20ms", max = 2, repeatable)]
    #[circuit_breaker(consecutive = 2, probes = 1, open_for = "100ms")]
    #[bulkhead(max = 3)]
    #[timeout(ms = 70)]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }
    for last in [Good, Transient, Hang, Panic] {
        for ms in 0..=120 {
            let case = async {
                let service = Arc::new(Service::new([Hang, after(25, Transient), after(10, last.clone())]));
                let task = tokio::spawn({
                    let service = Arc::clone(&service);
                    Runtime::builder().build().scope(async move {
                        let _ = AssertUnwindSafe(dropped_after(ms, guarded(&service))).await;
                        service.running()
                    })
                });
                let running = task.await.unwrap_or_else(|_| service.running());
                assert_eq!(running, 0, "dropped after {ms} ms, an attempt runs on");
                let _ = catch_unwind(AssertUnwindSafe(|| poll_times(guarded(&Service::new([Panic])), 1)));
                let _ = dropped_after(ms, guarded(&Service::new([Hang, Good]))).await;
                // Whatever happened, after a while three at a time go through.
                pass(200).await;
                let good = Service::new([Good]);
                assert_eq!(word(&guarded(&good).await), "ok", "{ms} ms, {last:?}");
                good.now([after(10, Good)]);
                let all = tokio::join!(guarded(&good), guarded(&good), guarded(&good));
                assert!(all.0.is_ok() && all.1.is_ok() && all.2.is_ok(), "{ms} ms, {last:?}: {all:?}");
            };
            Runtime::builder().build().scope(case).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_earned_by_calls_and_spent_by_extra_runs() {
    static BUDGET: RetryBudget = RetryBudget::new().share(0.5).floor(0).burst(1);
    #[hedge(after = "50ms", budget = BUDGET, repeatable)]
    async fn sparing(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 2, backoff = none, budget = BUDGET, repeatable)]
    async fn other(service: &Service) -> Reply {
        service.call().await
    }
    let runs = async |service: &Service| {
        let before = service.executions();
        assert!(sparing(service).await.is_ok(), "a refusal does not fail the call");
        service.executions() - before
    };
    let service = Service::new([after(60, Good)]);
    assert_eq!(runs(&service).await, 2, "saved up");
    assert_eq!(runs(&service).await, 1, "half a one is left");
    assert_eq!(runs(&service).await, 2, "two calls have earned one");
    assert_eq!(runs(&service).await, 1);
    // Of the one that the next call completes, a retry elsewhere takes its share.
    let failing = Service::new([Transient]);
    assert_eq!(other(&failing).await, Err(Fault::Transient(2)));
    assert_eq!(runs(&service).await, 1);
    // A call that is in time spends nothing.
    let fast = Service::new([Good]);
    assert_eq!(runs(&fast).await, 1);
    assert_eq!(runs(&service).await, 2);
}

#[tokio::test(start_paused = true)]
async fn the_key_is_the_same_in_all_attempts() {
    #[idempotent(key = order)]
    #[hedge(after = "50ms", max = 2)]
    async fn charge(order: u64, keys: &Mutex<Vec<String>>) -> Reply {
        let number = {
            let mut keys = keys.lock().expect("no panic under the lock");
            keys.push(format!("{:?} {:?}", context::idempotency_key(), context::fencing_token()));
            keys.len()
        };
        if number < 3 {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        Ok(context::idempotency_key().map_or(0, |_| 7))
    }
    let test = async {
        let keys = Mutex::default();
        assert_eq!(charge(1, &keys).await, Ok(7));
        assert_eq!(charge(1, &keys).await, Ok(7), "replayed");
        let keys = keys.into_inner().expect("no panic under the lock");
        assert_eq!(keys.len(), 3);
        assert!(keys[0].starts_with("Some") && keys.iter().all(|key| *key == keys[0]));
    };
    Runtime::builder().memory().build().scope(test).await;
}

/// The deadline that the body sees, in milliseconds from now.
fn left() -> u128 {
    let at = context::deadline().expect("a deadline");
    at.duration_since(tokio::time::Instant::now()).as_millis()
}

#[tokio::test(start_paused = true)]
async fn each_attempt_keeps_its_own_limit() {
    #[timeout(ms = 1_000)]
    #[hedge(after = "50ms", repeatable)]
    #[timeout(ms = 200)]
    async fn seen(lefts: &Mutex<Vec<(usize, u128)>>) -> Reply {
        let number = lefts.lock().expect("no panic under the lock").len();
        for _ in 0..3 {
            lefts.lock().expect("no panic under the lock").push((number, left()));
            pass(30).await;
        }
        if number == 0 {
            std::future::pending::<()>().await;
        }
        Ok(1)
    }
    let lefts = Mutex::default();
    assert_eq!(timed(seen(&lefts)).await, (Ok(1), 50 + 90));
    let lefts = lefts.into_inner().expect("no panic under the lock");
    // The first at 0, 30 and 60 ms; the second at 50, 80 and 110 ms.
    assert_eq!(lefts, [(0, 200), (0, 170), (2, 200), (0, 140), (2, 170), (2, 140)]);
}

#[tokio::test(start_paused = true)]
async fn the_limit_around_is_back_when_it_is_over() {
    #[timeout(ms = 1_000)]
    #[retry(attempts = 2, backoff = fixed("300ms"), jitter = none, repeatable)]
    #[hedge(after = "50ms", repeatable)]
    #[timeout(ms = 200)]
    async fn twice(lefts: &Mutex<Vec<u128>>) -> Reply {
        lefts.lock().expect("no panic under the lock").push(left());
        std::future::pending().await
    }
    let lefts = Mutex::default();
    let (reply, ms) = timed(twice(&lefts)).await;
    // The retry waits longer than any attempt may take.
    assert_eq!((word(&reply).as_str(), ms), ("Timeout 4", 250 + 300 + 250));
    assert_eq!(lefts.into_inner().expect("no panic under the lock"), [200; 4]);
}

/// Around a hedge of two attempts, each with a retry of two.
macro_rules! retries {
    ($name:ident) => {
        #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
        #[hedge(after = "50ms", repeatable)]
        #[retry(attempts = 2, backoff = fixed("20ms"), jitter = none, repeatable)]
        async fn $name(service: &Service) -> Reply {
            service.call().await
        }
    };
}

#[tokio::test(start_paused = true)]
async fn marks_are_those_of_the_attempt_that_gives_the_outcome() {
    retries!(stacked);
    // Each of the two repeats: at 0, 35, 50 and 85 ms. The retry above sees that the last of them has given up.
    let service = Service::new([after(15, Transient), after(20, Transient), after(15, Transient)]);
    let (reply, ms) = timed(stacked(&service)).await;
    assert_eq!((reply, ms), (Err(Fault::Transient(4)), 50 + 15 + 20 + 15));
    // The first gives up at 95 ms and loses to the second, whose failure is permanent: nothing to repeat.
    let service = Service::new([after(15, Transient), after(60, Transient), after(90, Permanent)]);
    assert_eq!(timed(stacked(&service)).await, (Err(Fault::Permanent(3)), 140));
}

#[tokio::test(start_paused = true)]
async fn a_loser_that_has_given_up_does_not_stop_the_retry_above() {
    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
    #[hedge(after = "50ms", repeatable)]
    async fn outer(service: &Service, gave_up: &AtomicU32) -> Reply {
        if gave_up.fetch_add(1, Ordering::SeqCst) == 0 { inner(service).await } else { service.call().await }
    }
    #[retry(attempts = 2, backoff = fixed("40ms"), jitter = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    // The first attempt repeats within and gives up at 60 ms; the second fails at 90 ms, and nobody within gave up.
    let service = Service::new([Transient, after(20, Transient), after(40, Transient), Good]);
    let (reply, ms) = timed(outer(&service, &AtomicU32::new(0))).await;
    assert_eq!((reply, ms), (Ok(4), 90 + 1_000));
    // The other way round: what gave up last stands, also where a task did.
    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
    #[hedge(after = "50ms", repeatable)]
    #[allow(clippy::items_after_statements, reason = "beside what it is for")]
    async fn spawning(service: &Arc<Service>, number: &AtomicU32) -> Reply {
        if number.fetch_add(1, Ordering::SeqCst) == 0 {
            return service.call().await;
        }
        let service = Arc::clone(service);
        spawn(async move { inner(&service).await }).await.expect("no panic")
    }
    let service = Arc::new(Service::new([after(60, Transient), after(20, Transient)]));
    let (reply, ms) = timed(spawning(&service, &AtomicU32::new(0))).await;
    assert_eq!((reply, ms), (Err(Fault::Transient(3)), 50 + 20 + 40 + 20));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_the_winner_gave_up_on_is_not_repeated_above() {
    #[retry(attempts = 3, backoff = none, repeatable, when_ok = |value| *value < 9)]
    #[hedge(after = "50ms", repeatable)]
    #[retry(attempts = 2, backoff = none, repeatable, when_ok = |value| *value < 9)]
    async fn outer(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang, after(10, Good), after(10, Good), Good]);
    assert_eq!(timed(outer(&service)).await, (Ok(3), 70));
}

#[tokio::test(start_paused = true)]
async fn above_a_claim_the_second_attempt_waits_for_the_first() {
    #[hedge(after = "50ms", repeatable)]
    #[idempotent(key = 1)]
    async fn claimed(service: &Service) -> Reply {
        service.call().await
    }
    let test = async {
        let service = Service::new([after(90, Transient), after(10, Good)]);
        assert_eq!(timed(claimed(&service)).await, (Ok(2), 100), "it never runs beside the first");
        assert_eq!(claimed(&service).await, Ok(2), "replayed");
        assert_eq!(service.executions(), 2);
    };
    Runtime::builder().memory().build().scope(test).await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_above_repeats_the_hedged_call_as_one_attempt() {
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[hedge(after = "50ms", repeatable)]
    async fn outer(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(60, Transient)]);
    assert_eq!(timed(outer(&service)).await, (Err(Fault::Transient(4)), 110 + 100 + 110));
}

#[tokio::test(start_paused = true)]
async fn the_nearest_alarm_wakes_all() {
    #[timeout(ms = 1_000)]
    #[hedge(after = "50ms", max = 2, repeatable)]
    #[retry(attempts = 2, backoff = fixed("30ms"), jitter = none, repeatable)]
    #[timeout(ms = 40)]
    async fn busy(service: &Service) -> Reply {
        service.call().await
    }
    // Attempts at 0, 50, 70 (the retry of the first), 100, 120 and 170 ms; the last succeeds.
    let service = Service::new([Hang, Hang, Hang, Hang, Hang, after(9, Good)]);
    assert_eq!(timed(busy(&service)).await, (Ok(6), 179));
    assert_eq!(service.running(), 0);
}

/// Takes `slow` milliseconds in one of `every` runs, and ten in the others.
struct Sometimes {
    every: u32,
    slow: u64,
    runs: AtomicU32,
    running: AtomicU32,
}

impl Sometimes {
    fn new(every: u32, slow: u64) -> Self {
        Self { every, slow, runs: AtomicU32::new(0), running: AtomicU32::new(0) }
    }

    async fn run(&self) -> Reply {
        let _running = Running::count(&self.running);
        let number = self.runs.fetch_add(1, Ordering::SeqCst) + 1;
        pass(if number.is_multiple_of(self.every) { self.slow } else { 10 }).await;
        Ok(number)
    }
}

#[hedge(after = p95, initial = "200ms", repeatable)]
async fn observed(service: &Sometimes) -> Reply {
    service.run().await
}

/// The delay after which it hedges now.
async fn delay() -> u128 {
    let service = Sometimes::new(1, 60_000);
    timed(dropped_after(59_000, async {
        let start = tokio::time::Instant::now();
        tokio::select! {
            _ = observed(&service) => unreachable!("nobody answers"),
            ms = async {
                while service.runs.load(Ordering::SeqCst) < 2 {
                    pass(1).await;
                }
                support::since(start)
            } => ms,
        }
    }))
    .await
    .0
    .expect("it hedges")
}

#[tokio::test(start_paused = true)]
async fn the_percentile_is_used_once_enough_is_known() {
    let test = async {
        let service = Sometimes::new(u32::MAX, 0);
        for _ in 0..19 {
            assert!(observed(&service).await.is_ok());
        }
        assert!((200..=201).contains(&delay().await), "the first delay");
        assert!(observed(&service).await.is_ok());
        let ms = delay().await;
        assert!((10..=13).contains(&ms), "{ms}: at most an eighth above 10 ms, and a tick of the timer");
    };
    Runtime::builder().build().scope(test).await;
    // Another scope knows nothing of it.
    let fresh = async { assert!((200..=201).contains(&delay().await)) };
    Runtime::builder().build().scope(fresh).await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_not_observed() {
    #[hedge(after = p95, initial = "200ms", repeatable)]
    async fn failing(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(1, Transient)]);
    for _ in 0..100 {
        assert!(failing(&service).await.is_err());
    }
    let service = Service::new([after(190, Good)]);
    assert!(failing(&service).await.is_ok());
    assert_eq!(service.executions(), 1, "the first delay");
}

/// One run in ten is slow. Were those that lose not observed, all that is observed would be fast.
#[tokio::test(start_paused = true)]
async fn a_run_that_is_hedged_away_is_observed_as_slow() {
    let test = async {
        let service = Sometimes::new(10, 2_000);
        for _ in 0..200 {
            assert!(observed(&service).await.is_ok());
        }
        let ms = delay().await;
        assert!(ms > 200, "{ms}: more than one in twenty takes longer");
        assert_eq!(service.running.load(Ordering::SeqCst), 0);
    };
    Runtime::builder().build().scope(test).await;
}

/// One run in fifty is slow: the calls around it never know.
#[tokio::test(start_paused = true)]
async fn the_slow_tail_is_cut() {
    let test = async {
        let service = Sometimes::new(50, 2_000);
        let mut slowest = 0;
        for _ in 0..1_000 {
            let (reply, ms) = timed(observed(&service)).await;
            assert!(reply.is_ok());
            slowest = slowest.max(ms);
        }
        assert!(slowest < 30, "{slowest}");
        let runs = service.runs.load(Ordering::SeqCst);
        assert!((1_010..1_030).contains(&runs), "{runs}: one more for each slow one");
    };
    Runtime::builder().build().scope(test).await;
}

#[tokio::test(start_paused = true)]
async fn every_argument_is_there_for_every_attempt() {
    struct Client(Service);
    impl Client {
        #[timeout(ms = 900)]
        #[retry(attempts = 2, backoff = none, repeatable)]
        #[hedge(after = "50ms", repeatable)]
        async fn send(
            self: Arc<Self>,
            mut word: String,
            (a, b): (u32, Vec<u32>),
            by: &str,
            more: impl Into<u32> + Clone,
        ) -> Reply {
            word.push_str(by);
            drop(b);
            let sum = u32::try_from(word.len()).unwrap_or(0) + a + more.into();
            self.0.call().await.map(|execution| execution * 100 + sum)
        }
    }
    let client = Arc::new(Client(Service::new([Transient, Hang, Good])));
    assert_eq!(Arc::clone(&client).send("ab".into(), (1, vec![2]), "c", 4_u32).await, Ok(308));
    assert_eq!(Arc::strong_count(&client), 1);
}

#[tokio::test(start_paused = true)]
async fn the_future_is_send_and_runs_in_a_task() {
    #[hedge(after = "50ms", repeatable)]
    async fn owned(
        service: Arc<Service>,
        word: String,
    ) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        service.call().await?;
        Ok(word.len())
    }
    /// The error need not be `Send`, since none is held while anything waits.
    #[hedge(after = "50ms", repeatable)]
    async fn local_error(service: &Service) -> Result<u32, std::rc::Rc<str>> {
        let reply = service.call().await;
        reply.map_err(|fault| fault.to_string().into())
    }
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let service = Arc::new(Service::new([Hang, Good]));
    assert_eq!(tokio::spawn(owned(service, "abc".into())).await.expect("no panic").expect("a value"), 3);
    let service = Service::new([after(60, Transient)]);
    assert!(is_send(local_error(&service)).await.is_err());
}
