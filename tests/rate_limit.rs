//! What `#[rate_limit]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::error::Error as _;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{Kind, Runtime, bulkhead, circuit_breaker, context, idempotent, rate_limit, retry, timeout};
use support::{
    Good, Hang, Permanent, Reply, Service, Transient, after, dropped_after, events, pass, rejected, timed,
    word,
};
use tokio::time::Instant;

/// One poll, which nobody hears of.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Ten per second, one at once, and a wait of up to a second, for this test alone.
macro_rules! even {
    () => {
        #[rate_limit(permits = 10, burst = 1, max_wait = "1s")]
        async fn even(service: &Service) -> Reply {
            service.call().await
        }
    };
}

#[tokio::test(start_paused = true)]
async fn lets_a_burst_through_and_the_rest_at_the_rate() {
    #[rate_limit(permits = 100, per = "1s", burst = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(word(&call(&service).await), "ok");
    let (reply, waited) = timed(call(&service)).await;
    let error = rejected(reply);
    assert_eq!((error.kind(), error.retry_after(), waited), (Kind::RateLimited, Some(ms(10)), 0));
    assert_eq!((error.attempts(), error.may_have_run()), (0, false));
    assert!(error.site().ends_with("::call"));
    assert_eq!(events::take(), ["rejected RateLimited"]);
    pass(9).await;
    assert_eq!(rejected(call(&service).await).retry_after(), Some(ms(1)), "a rejection takes nothing");
    pass(1).await;
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(word(&call(&service).await), "RateLimited 0");
    pass(3_600_000).await;
    let words = [call(&service).await, call(&service).await, call(&service).await].map(|reply| word(&reply));
    assert_eq!(words, ["ok", "ok", "RateLimited 0"], "no more than the burst comes back");
    assert_eq!(service.executions(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_burst_is_the_permits_and_the_time_a_second() {
    #[rate_limit(permits = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Permanent, Hang, Good]);
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(word(&call(&service).await), "permanent");
    assert!(dropped_after(0, call(&service)).await.is_none());
    let error = rejected(call(&service).await);
    assert_eq!(error.retry_after(), Some(Duration::from_nanos(333_333_334)), "whatever became of the calls");
    pass(334).await;
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    even!();
    let service = Service::new([Good]);
    let calls: Vec<_> = (0..9).map(|_| even(&service)).collect();
    assert_eq!(timed(even(&service)).await.1, 0);
    drop(calls);
    assert_eq!(timed(even(&service)).await.1, 100);
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    #[rate_limit(permits = 10, burst = 2, max_wait = "500ms")]
    async fn call(number: u32, order: &Mutex<Vec<u32>>) -> Reply {
        order.lock().expect("no panic under the lock").push(number);
        Ok(number)
    }
    let order = Mutex::new(Vec::new());
    let (mut calls, start) = (Vec::new(), Instant::now());
    for number in 0..7 {
        calls.push(Box::pin(call(number, &order)));
        assert_eq!(poll(calls.last_mut().expect("pushed").as_mut()).is_ready(), number < 2);
    }
    let error = rejected(call(7, &order).await);
    assert_eq!(
        (error.kind(), error.retry_after()),
        (Kind::RateLimited, Some(ms(600))),
        "longer than it may wait"
    );
    let mut seen = Vec::new();
    for call in calls.drain(2..) {
        assert!(call.await.is_ok());
        seen.push(support::since(start));
    }
    assert_eq!(seen, [100, 200, 300, 400, 500]);
    assert_eq!(*order.lock().expect("no panic under the lock"), (0..7).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_moves_all_behind_it_forward() {
    even!();
    let service = Service::new([Good]);
    assert_eq!(timed(even(&service)).await.1, 0);
    let (first, second, third) = tokio::join!(
        dropped_after(30, even(&service)),
        timed(even(&service)),
        timed(async {
            pass(10).await;
            even(&service).await
        })
    );
    assert_eq!((first, second.1, third.1), (None, 100, 200));
    assert_eq!(service.executions(), 3);
    assert_eq!(timed(even(&service)).await.1, 100, "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn permits_of_a_dropped_heavy_call_are_there_at_once() {
    #[rate_limit(permits = 10, burst = 3, weight = weight, max_wait = "1s")]
    async fn call(weight: u32, service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(word(&call(3, &service).await), "ok");
    let (heavy, light, next) = tokio::join!(
        dropped_after(250, call(3, &service)),
        timed(call(1, &service)),
        timed(call(2, &service))
    );
    assert_eq!((heavy, light.1, next.1), (None, 250, 300));
}

#[tokio::test(start_paused = true)]
async fn after_all_who_waited_are_gone_the_next_gets_what_it_would_have_got() {
    even!();
    let service = Service::new([Good]);
    assert_eq!(timed(even(&service)).await.1, 0);
    let mut calls: Vec<_> = (0..10).map(|_| Box::pin(even(&service))).collect();
    assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
    let full = rejected(even(&service).await);
    assert_eq!((full.kind(), full.retry_after()), (Kind::RateLimited, Some(ms(1_100))));
    pass(40).await;
    drop(calls);
    assert_eq!(timed(even(&service)).await.1, 60);
}

/// One that is never polled again holds up nobody.
#[tokio::test(start_paused = true)]
async fn nobody_depends_on_the_one_in_front() {
    even!();
    let service = Service::new([Good]);
    assert_eq!(timed(even(&service)).await.1, 0);
    let mut idle = Box::pin(even(&service));
    assert!(poll(idle.as_mut()).is_pending());
    assert_eq!(timed(even(&service)).await.1, 200);
    drop(idle);
    assert_eq!(timed(even(&service)).await.1, 100, "its permits have come back by themselves");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_too_long_is_not_begun() {
    #[rate_limit(permits = 10, burst = 1, max_wait = "150ms")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    let (one, two, (three, waited)) =
        tokio::join!(timed(call(&service)), timed(call(&service)), timed(call(&service)));
    assert_eq!((one.1, two.1, word(&three).as_str(), waited), (0, 100, "RateLimited 0", 0));
    assert_eq!(rejected(three).retry_after(), Some(ms(200)));
    assert_eq!(timed(call(&service)).await.1, 100, "it has reserved nothing");
}

#[tokio::test(start_paused = true)]
async fn a_wait_up_to_the_deadline_is_not_begun() {
    #[timeout(ms = 500)]
    #[rate_limit(permits = 10, burst = 1, max_wait = "450ms")]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    even!();
    let service = Service::new([Good]);
    assert_eq!(word(&even(&service).await), "ok");
    for (left, expected, waits) in [(100, "DeadlineExceeded 0", 0), (101, "ok", 100)] {
        let deadline = Instant::now() + ms(left);
        let (reply, waited) = timed(context::with_deadline(deadline, even(&service))).await;
        assert_eq!((word(&reply).as_str(), waited), (expected, waits));
        if let Err(error) = reply {
            assert_eq!(error.rejection().retry_after(), Some(ms(100)));
        }
    }
    // The nearer bound gives the kind.
    let deadline = Instant::now() + ms(50);
    assert_eq!(word(&context::with_deadline(deadline, cut(&service)).await), "ok");
    assert_eq!(word(&context::with_deadline(deadline, cut(&service)).await), "DeadlineExceeded 0");
    let calls = (0..6).map(|_| tokio::time::timeout(ms(450), cut(&service)));
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let pending =
        calls.iter_mut().map(|call| poll(call.as_mut()).is_pending()).filter(|pending| *pending).count();
    assert_eq!(pending, 4, "at 100, 200, 300 and 400 ms");
}

#[tokio::test(start_paused = true)]
async fn a_wait_counts_towards_the_timeout_above() {
    #[timeout(ms = 150)]
    #[rate_limit(permits = 10, burst = 1, max_wait = "140ms")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, after(60, Good), after(40, Good)]);
    assert_eq!(word(&call(&service).await), "ok");
    let (reply, took) = timed(call(&service)).await;
    assert_eq!((word(&reply).as_str(), took), ("Timeout 1", 150));
    let (reply, took) = timed(call(&service)).await;
    assert_eq!((word(&reply).as_str(), took), ("ok", 50 + 40));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_polled_after_its_deadline_does_not_start() {
    even!();
    let service = Service::new([Good]);
    assert_eq!(word(&even(&service).await), "ok");
    let deadline = Instant::now() + ms(150);
    let mut call = Box::pin(context::with_deadline(deadline, even(&service)));
    assert!(poll(call.as_mut()).is_pending());
    tokio::time::advance(ms(200)).await;
    assert_eq!(word(&call.await), "DeadlineExceeded 0");
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn weights() {
    const HEAVY: u32 = 4;
    #[rate_limit(permits = 10, weight = HEAVY)]
    async fn fixed(service: &Service) -> Reply {
        service.call().await
    }
    #[rate_limit(permits = 10, weight = rows.len().try_into().unwrap_or(u32::MAX))]
    async fn computed(rows: Vec<u8>, service: &Service) -> Reply {
        drop(rows);
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(word(&fixed(&service).await), "ok");
    assert_eq!(word(&fixed(&service).await), "ok");
    assert_eq!(rejected(fixed(&service).await).retry_after(), Some(ms(200)));

    assert_eq!(word(&computed(vec![0; 8], &service).await), "ok");
    assert_eq!(rejected(computed(vec![0; 3], &service).await).retry_after(), Some(ms(100)));
    assert_eq!(word(&computed(vec![0; 2], &service).await), "ok");
    assert_eq!(word(&computed(vec![], &service).await), "ok", "takes nothing");
    let error = rejected(computed(vec![0; 11], &service).await);
    assert_eq!((error.kind(), error.retry_after(), error.attempts()), (Kind::RateLimited, None, 0));
    let source = error.source().expect("it says why").to_string();
    assert_eq!(source, "its weight of 11 is larger than the burst of 10: it can never pass");
    assert_eq!(rejected(computed(vec![0], &service).await).retry_after(), Some(ms(100)), "it took nothing");
}

#[tokio::test(start_paused = true)]
async fn a_weight_is_evaluated_once_and_in_written_order() {
    static ORDER: Mutex<Vec<&str>> = Mutex::new(Vec::new());
    fn note(what: &'static str) -> u32 {
        ORDER.lock().expect("no panic under the lock").push(what);
        1
    }
    struct Client {
        cost: u32,
    }
    impl Client {
        const COST: u32 = 2;

        #[rate_limit(permits = 10, weight = note("first"))]
        #[idempotent(key = note("second"))]
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[rate_limit(permits = 10, weight = note("third") + self.cost - 1)]
        #[rate_limit(permits = 20, weight = Self::COST)]
        async fn charge(&self, service: &Service) -> Reply {
            service.call().await
        }
    }
    let service = Service::new([Transient, Transient, Good]);
    let client = Client { cost: 3 };
    let call = client.charge(&service);
    assert!(ORDER.lock().expect("no panic under the lock").is_empty());
    assert_eq!(word(&call.await), "ok");
    assert_eq!(*ORDER.lock().expect("no panic under the lock"), ["first", "second", "third"]);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_neither_repeated_nor_recorded() {
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    #[circuit_breaker(consecutive = 1)]
    #[rate_limit(permits = 10, burst = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    let (reply, took) = timed(call(&service)).await;
    assert_eq!((word(&reply).as_str(), took), ("RateLimited 0", 0));
    pass(100).await;
    assert_eq!(word(&call(&service).await), "ok", "the breaker is closed");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_leaves_nothing_in_doubt_and_a_replay_takes_nothing() {
    #[idempotent(key = order)]
    #[rate_limit(permits = 10, burst = 1)]
    async fn order_once(order: u32, service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(word(&order_once(1, &service).await), "ok");
    assert_eq!(word(&order_once(2, &service).await), "RateLimited 0");
    pass(100).await;
    assert_eq!(word(&order_once(1, &service).await), "ok");
    assert_eq!(word(&order_once(2, &service).await), "ok");
    assert_eq!(service.executions(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_site_and_each_scope_has_its_own() {
    #[rate_limit(permits = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[rate_limit(permits = 1)]
    #[bulkhead(max = 1)]
    #[rate_limit(permits = 1)]
    async fn other(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    let runtime = Runtime::builder().build();
    let home = [call(&service).await, call(&service).await];
    let scope = runtime.scope(async { [call(&service).await, call(&service).await] }).await;
    let others = [other(&service).await, other(&service).await];
    for replies in [home, scope, others] {
        assert_eq!(replies.map(|reply| word(&reply)), ["ok", "RateLimited 0"]);
    }
    assert_eq!(word(&runtime.scope(call(&service)).await), "RateLimited 0");
}

/// The waits of a scope belong to its own state.
#[tokio::test(start_paused = true)]
async fn a_wait_in_a_scope() {
    even!();
    let service = Service::new([Good]);
    let runtime = Runtime::builder().build();
    let all = async {
        tokio::join!(timed(even(&service)), timed(even(&service)), dropped_after(5, even(&service)))
    };
    let (one, two, _) = runtime.scope(all).await;
    assert_eq!((one.1, two.1), (0, 100));
    assert_eq!(timed(runtime.scope(even(&service))).await.1, 100);
    assert_eq!(timed(even(&service)).await.1, 0);
}

/// Callers that come, wait, are cut and are dropped without an order: never more than a burst and the rate.
#[tokio::test(start_paused = true)]
async fn in_a_storm_the_rate_holds() {
    static PASSED: Mutex<Vec<(Instant, u32)>> = Mutex::new(Vec::new());
    static WAITED: AtomicU32 = AtomicU32::new(0);
    #[timeout(ms = 80)]
    #[rate_limit(permits = 100, burst = 3, weight = weight, max_wait = "60ms")]
    async fn call(weight: u32, came: Instant) -> Reply {
        PASSED.lock().expect("no panic under the lock").push((Instant::now(), weight));
        if came < Instant::now() {
            WAITED.fetch_add(1, Ordering::SeqCst);
        }
        Ok(weight)
    }
    let mut random = fastrand::Rng::with_seed(7);
    let mut runs = Vec::new();
    for _ in 0..2_000 {
        let [start, dropped, limit] = [random.u64(..4_000), random.u64(..90), random.u64(1..90)];
        let weight = random.u32(1..=3);
        runs.push(tokio::spawn(async move {
            pass(start).await;
            let call = context::with_deadline(Instant::now() + ms(limit), call(weight, Instant::now()));
            dropped_after(dropped, call).await
        }));
    }
    for run in runs {
        drop(run.await.expect("no panic"));
    }
    let passed = PASSED.lock().expect("no panic under the lock");
    for (from, (start, _)) in passed.iter().enumerate() {
        let mut taken = 0;
        for (at, weight) in &passed[from..] {
            taken += weight;
            assert!(ms(10) * taken <= ms(30) + (*at - *start));
        }
    }
    let taken: u32 = passed.iter().map(|(_, weight)| weight).sum();
    let time = passed.last().expect("some").0 - passed[0].0;
    assert!(ms(10) * taken > time.mul_f64(0.9), "the rate is used: {taken} in {time:?}");
    assert!(WAITED.load(Ordering::SeqCst) > 100);
}
