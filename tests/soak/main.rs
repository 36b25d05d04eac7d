//! Everything at once, at the machine's full rate: calls that succeed, fail, hang, panic, and are dropped anywhere. In the
//! end nobody holds anything, and memory is where it was. `cargo xtask soak` runs it for ten minutes.
#![allow(missing_docs, unreachable_pub, reason = "a test target")]

mod memory;
mod service;
mod stacks;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use resilience::{Gauges, Site, manifest};
use service::{Fate, Plan};

const TASKS: u64 = 64;
const ROUNDS: u32 = 4;
/// Maps and queues that are as full as they get differ by this much.
const SLACK: usize = 256 * 1024;

fn seconds() -> u64 {
    std::env::var("RESILIENCE_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(2)
}

/// What all policies of the process hold.
fn held() -> Gauges {
    manifest().map(Site::gauges).chain(stacks::shared()).fold(Gauges::default(), std::ops::Add::add)
}

#[derive(Default)]
struct Counts {
    calls: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    panicked: AtomicU64,
}

impl Counts {
    fn add(count: &AtomicU64) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// One call after the other, each with a fate of its own.
async fn caller(seed: u64, end: Arc<AtomicBool>, counts: Arc<Counts>) {
    let mut random = fastrand::Rng::with_seed(seed);
    while !end.load(Ordering::Relaxed) {
        Counts::add(&counts.calls);
        let plan = Plan::draw(&mut random);
        match Fate::draw(&mut random) {
            Fate::Awaited => match stacks::call(plan).await {
                Ok(_) => Counts::add(&counts.succeeded),
                Err(_) => Counts::add(&counts.failed),
            },
            Fate::DroppedAfter(polls) => {
                let ended = service::poll_times(stacks::call(plan), polls).await;
                Counts::add(if ended { &counts.succeeded } else { &counts.dropped });
            }
            Fate::AbortedAfter(time) => {
                let task = tokio::spawn(stacks::call(plan));
                tokio::time::sleep(time).await;
                task.abort();
                drop(task.await);
                Counts::add(&counts.dropped);
            }
            Fate::Panics => {
                let task = tokio::spawn(stacks::call(plan.panicking()));
                Counts::add(if task.await.is_err() { &counts.panicked } else { &counts.failed });
            }
        }
    }
}

async fn round(time: Duration, seed: u64, counts: &Arc<Counts>) {
    let end = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(caller(seed * TASKS + task, Arc::clone(&end), Arc::clone(counts))))
        .collect();
    tokio::time::sleep(time).await;
    end.store(true, Ordering::Relaxed);
    for task in tasks {
        let ended = tokio::time::timeout(Duration::from_secs(30), task).await;
        ended.expect("no caller hangs").expect("no caller panics");
    }
    // A task of a call that was dropped goes on up to its own timeout.
    tokio::time::sleep(2 * stacks::LONGEST).await;
}

#[test]
fn soak() {
    service::silence_planned_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let counts = Arc::new(Counts::default());
    let (start, mut first) = (Instant::now(), None);
    for number in 0..ROUNDS {
        runtime.block_on(round(Duration::from_secs(seconds()) / ROUNDS, number.into(), &counts));
        let live = memory::live();
        println!(
            "round {number}: {} calls, {} KiB live, held: {:?}",
            counts.calls.load(Ordering::Relaxed),
            live / 1024,
            held()
        );
        assert_eq!(held(), Gauges::default(), "somebody holds something after round {number}");
        let first = *first.get_or_insert(live);
        assert!(
            live <= first + SLACK,
            "{live} bytes are live after round {number}, and {first} were after the first"
        );
    }
    let count = |of: &AtomicU64| of.load(Ordering::Relaxed);
    let per_second = u128::from(count(&counts.calls)) * 1000 / start.elapsed().as_millis();
    println!(
        "{per_second} calls per second: {} succeeded, {} failed, {} dropped, {} panicked",
        count(&counts.succeeded),
        count(&counts.failed),
        count(&counts.dropped),
        count(&counts.panicked)
    );
    for (what, count) in [
        ("success", count(&counts.succeeded)),
        ("failure", count(&counts.failed)),
        ("drop", count(&counts.dropped)),
        ("panic", count(&counts.panicked)),
    ] {
        assert!(count > 0, "no {what} in the whole run");
    }
    stacks::assert_that_all_rejected();
}
