//! The thread and its lists, in real time.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Wake, Waker};
use std::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Waits as a call does.
async fn until(at: Tick, list: Option<Durations>) {
    let mut entry = None;
    poll_fn(|cx| {
        let entry = entry.get_or_insert_with(|| Entry::new(at, list, cx).expect("a thread"));
        if entry.has_come(cx) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Never early; and late by no more than a machine that is busy with other tests may be.
fn in_time(start: Instant, after: Duration) {
    let took = start.elapsed();
    assert!(took >= after, "{took:?} instead of {after:?}");
    assert!(took < after + 2 * SECOND, "{took:?} instead of {after:?}");
}

#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn waker(self: &Arc<Self>) -> Waker {
        Waker::from(Arc::clone(self))
    }

    fn wait_for(&self, wakes: usize) {
        let start = Instant::now();
        while self.0.load(Ordering::SeqCst) < wakes {
            assert!(start.elapsed() < 5 * SECOND, "{self:?} of {wakes}");
            std::thread::sleep(ms(1));
        }
    }
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Without `enable_time`, and without a runtime of tokio at all.
#[test]
fn it_needs_no_timer_of_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    for list in [of(ms(20)), None] {
        let start = Instant::now();
        runtime.block_on(until(Tick::now().after(ms(20)), list));
        in_time(start, ms(20));
    }
    let (start, counter) = (Instant::now(), Arc::new(Counter::default()));
    let waker = counter.waker();
    let cx = &mut Context::from_waker(&waker);
    let entry = Entry::new(Tick::now().after(ms(20)), of(ms(20)), cx);
    counter.wait_for(1);
    in_time(start, ms(20));
    assert!(entry.expect("a thread").has_come(cx));
}

#[test]
fn a_runtime_that_is_gone_takes_nothing_along() {
    for _ in 0..2 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
        for _ in 0..1_000 {
            runtime.spawn(until(Tick::now().after(ms(30)), of(ms(30))));
        }
        runtime.block_on(until(Tick::now().after(ms(5)), None));
        drop(runtime);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let start = Instant::now();
    runtime.block_on(until(Tick::now().after(ms(30)), of(ms(30))));
    in_time(start, ms(30));
}

/// The list is theirs for as long as the process runs; what comes later is in the tree.
#[test]
fn a_thousand_durations() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    let start = Instant::now();
    let tasks: Vec<_> = (1..=1_000u64)
        .map(|number| {
            let time = ms(10) + Duration::from_micros(number);
            runtime.spawn(async move {
                let start = Instant::now();
                until(Tick::now().after(time), of(time)).await;
                in_time(start, time);
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("in time");
    }
    in_time(start, ms(11));
    assert!(DRIVER.list(Duration::from_nanos(7)).is_none(), "all lists are taken");
}

/// Far from each other in order, and by several threads.
#[test]
fn all_come_and_none_is_early() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().expect("a runtime");
    let list = of(ms(40));
    let tasks: Vec<_> = (0..20_000u64)
        .map(|number| {
            runtime.spawn(async move {
                let start = Instant::now();
                let wait = ms(40 - (number * 7) % 30);
                until(Tick::now().after(wait), list).await;
                assert!(start.elapsed() >= wait);
            })
        })
        .collect();
    for task in tasks {
        runtime.block_on(task).expect("not early");
    }
}

#[test]
fn a_waker_that_panics_ends_nothing() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("of a waker"));
        }
    }
    let at = Tick::now().after(ms(10));
    let (bad, counter) = (Waker::from(Arc::new(Panics)), Arc::new(Counter::default()));
    let good = counter.waker();
    let entries = [&bad, &good, &bad, &good].map(|waker| Entry::new(at, None, &Context::from_waker(waker)));
    counter.wait_for(2);
    drop(entries);
}

#[test]
fn the_last_waker_is_woken() {
    let counters: [Arc<Counter>; 3] = Default::default();
    let wakers = counters.each_ref().map(Counter::waker);
    let mut entry = Entry::new(Tick::now().after(ms(40)), of(ms(40)), &Context::from_waker(&wakers[0]));
    let entry = entry.as_mut().expect("a thread");
    for waker in &wakers[1..] {
        assert!(!entry.has_come(&Context::from_waker(waker)));
    }
    counters[2].wait_for(1);
    assert!(counters[..2].iter().all(|counter| counter.0.load(Ordering::SeqCst) == 0));
    assert!(entry.has_come(&Context::from_waker(&wakers[0])));
}

/// Dropped by the very thread that wakes: the last reference to a task is often in its waker.
#[test]
fn a_waker_may_hold_other_entries() {
    struct Holds(std::sync::Mutex<Vec<Entry>>);
    impl Wake for Holds {
        fn wake(self: Arc<Self>) {
            self.0.lock().expect("no panic").clear();
        }
    }
    let at = Tick::now().after(ms(10));
    let [counter, of_the_held]: [Arc<Counter>; 2] = Default::default();
    let (waker, of_the_ten) = (counter.waker(), of_the_held.waker());
    let later = Tick::now().after(ms(30));
    let held = (0..10).filter_map(|_| Entry::new(later, None, &Context::from_waker(&of_the_ten))).collect();
    let holds = Waker::from(Arc::new(Holds(std::sync::Mutex::new(held))));
    let entry = Entry::new(at, None, &Context::from_waker(&holds));
    drop(holds);
    let last = Entry::new(later.after(ms(5)), None, &Context::from_waker(&waker));
    counter.wait_for(1);
    drop((entry, last));
    assert_eq!(of_the_held.0.load(Ordering::SeqCst), 0, "the ten were gone before their time");
}

/// By many threads, as they would be by a server; and then all callers leave in the same moment.
#[test]
fn a_million_wait_and_are_dropped_at_once() {
    let (hour, list) = (Duration::from_hours(1), of(Duration::from_hours(1)));
    let threads: Vec<_> = (0..4)
        .map(|_| {
            std::thread::spawn(move || {
                let cx = Context::from_waker(Waker::noop());
                let entry = || Entry::new(Tick::now().after(hour), list, &cx).expect("a thread");
                (0..250_000).map(|_| entry()).collect::<Vec<_>>()
            })
        })
        .collect();
    let all: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
    assert_eq!(all.len(), 1_000_000);
    drop(all);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let start = Instant::now();
    runtime.block_on(until(Tick::now().after(ms(5)), list));
    in_time(start, ms(5));
}
