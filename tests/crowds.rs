//! Ten thousand calls in a queue, and many threads at one door.
#![allow(missing_docs)]

mod support;

use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::{
    Bulkhead, Gauges, Kind, RateLimit, bulkhead, circuit_breaker, fallback, hedge, manifest, rate_limit,
    timeout,
};
use tokio::time::Instant;

use support::{Fault, Hang, Reply, Service, kind, poll_times, since};

const CROWD: u32 = 10_000;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Half of a full queue leaves without an order. The others come in as they stood, whoever is polled first.
#[tokio::test(start_paused = true)]
async fn a_queue_keeps_its_order_whoever_leaves() {
    static ROOM: Bulkhead = Bulkhead::new("crowd", 1).queue(CROWD);
    #[bulkhead(share = ROOM)]
    async fn call(number: u32, order: &Mutex<Vec<u32>>) -> Reply {
        order.lock().expect("no panic under the lock").push(number);
        tokio::task::yield_now().await;
        Ok(number)
    }
    let (order, hang) = (Mutex::new(Vec::new()), Service::new([Hang]));
    let mut holder = Box::pin(ROOM.run(async || hang.call().await));
    assert!(poll(holder.as_mut()).is_pending());
    let mut all: Vec<_> = (0..CROWD).map(|number| (number, Box::pin(call(number, &order)))).collect();
    assert!(all.iter_mut().all(|(_, call)| poll(call.as_mut()).is_pending()));
    assert_eq!(ROOM.gauges().waiting, CROWD as usize);
    assert_eq!(kind(call(0, &order).await), Kind::BulkheadFull);
    let mut random = fastrand::Rng::with_seed(7);
    all.retain(|_| random.bool());
    let stayed: Vec<u32> = all.iter().map(|(number, _)| *number).collect();
    drop(holder);
    while !all.is_empty() {
        // The second is asked before the first.
        for at in (0..all.len().min(2)).rev() {
            if poll(all[at].1.as_mut()).is_ready() {
                drop(all.remove(at));
            }
        }
    }
    assert_eq!(*order.lock().expect("no panic under the lock"), stayed);
    assert_eq!(ROOM.gauges(), Gauges::default());
}

#[tokio::test(start_paused = true)]
async fn half_of_those_who_wait_for_a_rate_leave_their_permits_to_the_rest() {
    static LIMIT: RateLimit = RateLimit::new("crowd", 1_000).burst(1).max_wait(Duration::from_mins(1));
    #[rate_limit(share = LIMIT)]
    async fn call() -> Reply {
        Ok(1)
    }
    let start = Instant::now();
    assert_eq!(call().await, Ok(1));
    let mut all: Vec<_> = (0..CROWD).map(|_| Box::pin(call())).collect();
    assert!(all.iter_mut().all(|call| poll(call.as_mut()).is_pending()));
    let mut stays = false;
    all.retain(|_| {
        stays = !stays;
        stays
    });
    assert_eq!(LIMIT.gauges().waiting, 5_000);
    for call in all {
        assert_eq!(call.await, Ok(1));
    }
    assert_eq!((since(start), LIMIT.gauges()), (5_000, Gauges::default()));
}

/// Tasks that are stopped from another thread, wherever they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn stopped_tasks_leave_nothing_behind() {
    static ROOM: Bulkhead = Bulkhead::new("stopped", 3).queue(CROWD);
    static LIMIT: RateLimit =
        RateLimit::new("stopped", 1_000_000).burst(10).max_wait(Duration::from_secs(10));
    #[bulkhead(share = ROOM)]
    #[rate_limit(share = LIMIT)]
    async fn call(number: u32) -> Reply {
        if number.is_multiple_of(2) {
            tokio::task::yield_now().await;
        }
        Ok(number)
    }
    let tasks: Vec<_> = (0..CROWD).map(|number| tokio::spawn(call(number))).collect();
    tasks.iter().step_by(3).for_each(tokio::task::JoinHandle::abort);
    for (number, task) in (0..).zip(tasks) {
        match task.await {
            Ok(reply) => assert_eq!(reply, Ok(number)),
            Err(stopped) => assert!(stopped.is_cancelled() && number.is_multiple_of(3)),
        }
    }
    assert_eq!((ROOM.gauges(), LIMIT.gauges()), (Gauges::default(), Gauges::default()));
}

/// Keys that do not all find room, calls that are dropped after two polls, and bodies that never yield.
#[test]
fn sixty_four_threads() {
    #[fallback(|_| Ok(0))]
    #[timeout(ms = 200)]
    #[circuit_breaker(key = number % 50, max_keys = 20, consecutive = 3, open_for = "1ms", probes = 1)]
    #[bulkhead(max = 4, queue = 4, key = number % 7, max_keys = 5)]
    #[rate_limit(permits = 1_000_000, key = number % 9, max_keys = 4, max_wait = "10ms")]
    #[hedge(after = "1ms", repeatable)]
    async fn call(number: u32) -> Reply {
        if number.is_multiple_of(3) {
            tokio::task::yield_now().await;
        }
        if number.is_multiple_of(5) { Err(Fault::Transient(number)) } else { Ok(number) }
    }
    let work = |thread: u32| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            for number in (0..200).map(|call| thread * 7_919 + call * 31) {
                if number.is_multiple_of(4) {
                    drop(poll_times(call(number), 2));
                } else {
                    assert!(call(number).await.is_ok());
                }
            }
        });
    };
    std::thread::scope(|scope| {
        for thread in 0..64 {
            scope.spawn(move || work(thread));
        }
    });
    let site = manifest().find(|site| site.stored_name() == "crowds::call" && site.policies().len() == 6);
    assert_eq!(site.expect("a site").gauges(), Gauges::default());
}
