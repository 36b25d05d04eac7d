//! What `#[bulkhead]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{Kind, Runtime, bulkhead, circuit_breaker, context, idempotent, retry, timeout};
use support::{
    Good, Hang, Panic, Permanent, Reply, Running, Service, Step, Transient, after, dropped_after, events,
    kind, pass, poll_times, rejected, timed, word,
};
use tokio::time::Instant;

/// One poll, which nobody hears of.
fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// One place and a queue for two, for this test alone; and the check that all three are free.
macro_rules! narrow {
    () => {
        #[bulkhead(max = 1, queue = 2)]
        async fn narrow(service: &Service) -> Reply {
            service.call().await
        }

        #[track_caller]
        fn narrow_is_empty() {
            let service = Service::new([Hang]);
            let mut calls: Vec<_> = (0..3).map(|_| Box::pin(narrow(&service))).collect();
            assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
            assert_eq!(service.running(), 1);
            let one_more = poll_times(narrow(&service), 1).expect("an answer at once");
            assert_eq!(kind(one_more), Kind::BulkheadFull);
        }
    };
}

#[tokio::test(start_paused = true)]
async fn lets_in_so_many_and_rejects_the_rest_at_once() {
    #[bulkhead(max = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([after(10, Good)]);
    let ((one, two, (three, waited)), ms) =
        timed(async { tokio::join!(call(&service), call(&service), timed(call(&service))) }).await;
    assert_eq!((word(&one).as_str(), word(&two).as_str(), ms), ("ok", "ok", 10));
    let error = rejected(three);
    assert_eq!((error.kind(), error.retry_after(), waited), (Kind::BulkheadFull, None, 0));
    assert_eq!((error.attempts(), error.may_have_run()), (0, false));
    assert!(error.site().ends_with("::call"));
    assert_eq!(events::take(), ["rejected BulkheadFull"]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(service.executions(), 3);
}

#[tokio::test(start_paused = true)]
async fn every_end_gives_the_place_back() {
    #[bulkhead(max = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, Transient, Permanent, Hang, Panic, Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(word(&call(&service).await), "permanent");
    assert!(dropped_after(10, call(&service)).await.is_none());
    let unwound = catch_unwind(AssertUnwindSafe(|| poll_times(call(&service), 1).is_some()));
    assert!(unwound.is_err());
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    narrow!();
    let service = Service::new([Good]);
    let calls: Vec<_> = (0..9).map(|_| narrow(&service)).collect();
    assert_eq!(word(&narrow(&service).await), "ok");
    drop(calls);
    narrow_is_empty();
}

#[tokio::test(start_paused = true)]
async fn first_come_first_served() {
    #[bulkhead(max = 2, queue = 6)]
    async fn call(number: u32, order: &Mutex<Vec<u32>>) -> Reply {
        order.lock().expect("no panic under the lock").push(number);
        pass(10).await;
        Ok(number)
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = Vec::new();
    for number in 0..8 {
        let order = Arc::clone(&order);
        tasks.push(tokio::spawn(async move { call(number, &order).await }));
        tokio::task::yield_now().await;
    }
    assert_eq!(kind(call(8, &order).await), Kind::BulkheadFull);
    let start = Instant::now();
    for task in tasks {
        assert!(task.await.expect("no panic").is_ok());
    }
    assert_eq!(*order.lock().expect("no panic under the lock"), (0..8).collect::<Vec<_>>());
    assert_eq!(support::since(start), 4 * 10, "two at a time");
}

#[test]
fn nobody_overtakes_a_place_that_is_handed_over() {
    narrow!();
    let service = Service::new([Hang]);
    let mut holder = Box::pin(narrow(&service));
    let mut first = Box::pin(narrow(&service));
    let mut later = Box::pin(narrow(&service));
    assert!(poll(holder.as_mut()).is_pending());
    assert!(poll(first.as_mut()).is_pending());
    drop(holder);
    assert_eq!(service.running(), 0);
    assert!(poll(later.as_mut()).is_pending());
    assert_eq!(service.executions(), 1, "the place belongs to the one who waits");
    assert!(poll(first.as_mut()).is_pending());
    assert_eq!(service.executions(), 2);
    drop((first, later));
    narrow_is_empty();
}

#[test]
fn dropped_in_the_queue_it_makes_room_there() {
    narrow!();
    let service = Service::new([Hang]);
    let mut calls: Vec<_> = (0..3).map(|_| Box::pin(narrow(&service))).collect();
    assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
    drop(calls.remove(1));
    let mut next = Box::pin(narrow(&service));
    assert!(poll(next.as_mut()).is_pending(), "it waits where the other one waited");
    assert_eq!(kind(poll_times(narrow(&service), 1).expect("at once")), Kind::BulkheadFull);
    drop((calls, next));
    narrow_is_empty();
}

#[test]
fn dropped_while_a_place_is_handed_over_it_hands_it_on() {
    narrow!();
    let service = Service::new([Hang]);
    let mut calls: Vec<_> = (0..3).map(|_| Box::pin(narrow(&service))).collect();
    assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
    drop(calls.remove(0));
    drop(calls.remove(0)); // it has the place, and was not polled yet
    assert!(poll(calls[0].as_mut()).is_pending());
    assert_eq!((service.executions(), service.running()), (2, 1), "the last one is inside");
    drop(calls);
    narrow_is_empty();

    // Nobody left to hand it to.
    let (mut holder, mut waiter) = (Box::pin(narrow(&service)), Box::pin(narrow(&service)));
    assert!(poll(holder.as_mut()).is_pending() && poll(waiter.as_mut()).is_pending());
    drop(holder);
    drop(waiter);
    narrow_is_empty();
}

#[tokio::test(start_paused = true)]
async fn max_wait_ends_the_wait() {
    #[bulkhead(max = 1, queue = 1, max_wait = "100ms")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(250, Good)]);
    let late = async {
        pass(110).await;
        timed(call(&service)).await
    };
    let (first, (second, waited), (third, third_waited)) =
        tokio::join!(call(&service), timed(call(&service)), late);
    assert_eq!(word(&first), "ok");
    assert_eq!((word(&second).as_str(), waited), ("BulkheadFull 0", 100));
    assert_eq!((word(&third).as_str(), third_waited), ("BulkheadFull 0", 100), "it had the queue's place");
    assert_eq!(service.executions(), 1);
    let (first, (second, waited)) = tokio::join!(dropped_after(99, call(&service)), timed(call(&service)));
    assert_eq!((first, word(&second).as_str(), waited), (None, "ok", 99 + 250));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cut_in_the_queue_never_starts() {
    #[timeout(ms = 100)]
    #[bulkhead(max = 1, queue = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let late = async {
        pass(50).await;
        timed(call(&service)).await
    };
    // The first is cut at 100 ms, and the place comes to the second, which has 50 ms left.
    let (first, (second, ms)) = tokio::join!(call(&service), late);
    assert_eq!((word(&first).as_str(), word(&second).as_str(), ms), ("Timeout 1", "Timeout 1", 100));
    assert_eq!(service.executions(), 2);
    // Here the place comes in the moment in which the second is cut.
    let (first, (second, ms)) = tokio::join!(call(&service), timed(call(&service)));
    assert_eq!((word(&first).as_str(), word(&second).as_str(), ms), ("Timeout 1", "Timeout 0", 100));
    assert_eq!(service.executions(), 3);
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok", "the place is free");
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_nobody_watches_ends_the_wait() {
    narrow!();
    let service = Service::new([after(500, Good)]);
    let deadline = Instant::now() + Duration::from_millis(100);
    let limited = timed(context::with_deadline(deadline, narrow(&service)));
    let (first, (second, waited)) = tokio::join!(narrow(&service), limited);
    assert_eq!(word(&first), "ok");
    assert_eq!((word(&second).as_str(), waited), ("DeadlineExceeded 0", 100));
    // A place that comes in that moment goes on to the next.
    let service = Service::new([after(100, Good)]);
    let deadline = Instant::now() + Duration::from_millis(100);
    let limited = timed(context::with_deadline(deadline, narrow(&service)));
    let (first, (second, waited), third) = tokio::join!(narrow(&service), limited, narrow(&service));
    assert_eq!((word(&first).as_str(), word(&third).as_str()), ("ok", "ok"));
    assert_eq!((word(&second).as_str(), waited), ("DeadlineExceeded 0", 100));
    assert_eq!(service.executions(), 2);
    narrow_is_empty();
}

#[tokio::test(start_paused = true)]
async fn a_backoff_holds_no_place() {
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[bulkhead(max = 1)]
    async fn each(service: &Service) -> Reply {
        service.call().await
    }
    #[bulkhead(max = 1)]
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn whole(service: &Service) -> Reply {
        service.call().await
    }
    let during = async |service: &Service, whole_call: bool| {
        pass(50).await;
        if whole_call { whole(service).await } else { each(service).await }
    };
    let service = Service::new([Transient, Good]);
    let (failed_once, other) = tokio::join!(each(&service), during(&service, false));
    assert_eq!((word(&failed_once).as_str(), word(&other).as_str()), ("ok", "ok"));
    service.now([Transient, Good]);
    let (failed_once, other) = tokio::join!(whole(&service), during(&service, true));
    assert_eq!((word(&failed_once).as_str(), word(&other).as_str()), ("ok", "BulkheadFull 0"));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_neither_repeated_nor_recorded() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[circuit_breaker(consecutive = 1)]
    #[bulkhead(max = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(10, Good)]);
    let (first, (second, ms)) = tokio::join!(call(&service), timed(call(&service)));
    assert_eq!((word(&first).as_str(), word(&second).as_str(), ms), ("ok", "BulkheadFull 0", 0));
    assert_eq!(word(&call(&service).await), "ok", "the breaker is closed");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_leaves_nothing_in_doubt() {
    #[idempotent(key = order)]
    #[bulkhead(max = 1)]
    async fn call(order: u32, service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(10, Good)]);
    let (first, second) = tokio::join!(call(1, &service), call(2, &service));
    assert_eq!((word(&first).as_str(), word(&second).as_str()), ("ok", "BulkheadFull 0"));
    assert_eq!(word(&call(2, &service).await), "ok");
    assert_eq!(service.executions(), 2);
}

#[tokio::test(start_paused = true)]
async fn each_site_and_each_scope_has_its_own() {
    #[bulkhead(max = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[bulkhead(max = 1)]
    #[bulkhead(max = 2)]
    async fn other(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(10, Good)]);
    let runtime = Runtime::builder().build();
    let home = async { tokio::join!(call(&service), call(&service)) };
    let scope = async { tokio::join!(call(&service), call(&service)) };
    let others = async { tokio::join!(other(&service), other(&service)) };
    let (home, scope, others) = tokio::join!(home, runtime.scope(scope), others);
    for (first, second) in [home, scope, others] {
        assert_eq!((word(&first).as_str(), word(&second).as_str()), ("ok", "BulkheadFull 0"));
    }
    assert_eq!(word(&runtime.scope(call(&service)).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn after_a_storm_all_places_are_back() {
    #[timeout(ms = 40)]
    #[bulkhead(max = 3, queue = 4, max_wait = "25ms")]
    async fn call(step: Step, inside: &AtomicU32) -> Reply {
        let _running = Running::count(inside);
        assert!(inside.load(Ordering::SeqCst) <= 3, "one too many");
        Service::new([step]).call().await
    }
    let mut seen = HashMap::new();
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let inside = Arc::new(AtomicU32::new(0));
        let mut runs = Vec::new();
        for _ in 0..300 {
            let step = [Good, Transient, Hang, Panic][random.usize(..4)].clone();
            let step = after(random.u64(..30), step);
            let [start, dropped, limit] = [random.u64(..400), random.u64(..60), random.u64(..60)];
            let inside = Arc::clone(&inside);
            runs.push(tokio::spawn(async move {
                pass(start).await;
                let deadline = Instant::now() + Duration::from_millis(limit);
                let call = context::with_deadline(deadline, call(step, &inside));
                dropped_after(dropped, call).await.map(|reply| word(&reply))
            }));
        }
        for run in runs {
            *seen.entry(run.await.unwrap_or(Some("panic".to_owned()))).or_insert(0) += 1;
        }
        let mut calls: Vec<_> = (0..7).map(|_| Box::pin(call(Hang, &inside))).collect();
        assert!(calls.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
        assert_eq!(inside.load(Ordering::SeqCst), 3, "seed {seed}");
        assert_eq!(kind(poll_times(call(Hang, &inside), 1).expect("at once")), Kind::BulkheadFull);
    }
    let all = ["ok", "transient", "panic", "Timeout 1", "DeadlineExceeded 0", "BulkheadFull 0"];
    for what in all.map(|what| Some(what.to_owned())).into_iter().chain([None]) {
        assert!(seen.contains_key(&what), "{what:?} is not in the storm: {seen:?}");
    }
}

/// The timer of a busy runtime rings late: whose limit it was is said all the same.
#[tokio::test(start_paused = true)]
async fn a_timeout_above_that_fires_late_is_a_timeout() {
    #[timeout(ms = 40)]
    #[bulkhead(max = 1, queue = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let hang = Service::new([Hang]);
    let late = async {
        tokio::task::yield_now().await;
        tokio::time::advance(std::time::Duration::from_millis(55)).await;
    };
    let (first, second, ()) = tokio::join!(call(&hang), call(&hang), late);
    assert_eq!((kind(first), kind(second)), (Kind::Timeout, Kind::Timeout));
}
