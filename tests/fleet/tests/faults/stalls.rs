//! A server that stands still for a while, and thousands of callers: once it goes on, so do they.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use resilience::{Error, Runtime, idempotent};
use tokio::task::JoinSet;

use crate::fleet::Fleet;

crate::on_both!(
    a_stall_is_over_when_the_server_goes_on
    #[cfg_attr(debug_assertions, ignore = "a rate of what users run: with `--release`, as `cargo xtask ci` does")]
    many_callers_are_no_slower_than_few
    what_failed_in_a_stall_can_be_called_again
);

#[idempotent(key = key)]
async fn pay(key: u64) -> Result<u64, Error> {
    Ok(key)
}

#[idempotent(key = key, guarantee = at_most_once)]
async fn pay_once(key: u64) -> Result<u64, Error> {
    Ok(key)
}

/// Callers that call again and again, each an operation of its own.
struct Load {
    paid: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    callers: JoinSet<()>,
}

impl Load {
    fn start(runtime: &Runtime, callers: u64) -> Self {
        let mut load = Self {
            paid: Arc::default(),
            failed: Arc::default(),
            stop: Arc::default(),
            callers: JoinSet::new(),
        };
        for caller in 0..callers {
            let (paid, failed, stop) =
                (Arc::clone(&load.paid), Arc::clone(&load.failed), Arc::clone(&load.stop));
            let calls = async move {
                let mut key = caller << 32;
                while !stop.load(Relaxed) {
                    key += 1;
                    match pay(key).await {
                        Ok(_) => drop(paid.fetch_add(1, Relaxed)),
                        Err(_) => drop(failed.fetch_add(1, Relaxed)),
                    }
                    tokio::task::yield_now().await;
                }
            };
            load.callers.spawn(runtime.scope(calls));
        }
        load
    }

    /// Successes in each of these seconds from `start` on.
    async fn per_second(&self, start: Instant, seconds: Range<u64>) -> Vec<u64> {
        let at = |second| tokio::time::sleep_until((start + Duration::from_secs(second)).into());
        at(seconds.start).await;
        let mut rates = Vec::new();
        let mut before = self.paid.load(Relaxed);
        for second in seconds {
            at(second + 1).await;
            let now = self.paid.load(Relaxed);
            rates.push(now - before);
            before = now;
        }
        rates
    }

    async fn end(self) {
        self.stop.store(true, Relaxed);
        self.callers.join_all().await;
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Runtime::new().expect("a runtime").block_on(future)
}

/// The calls that failed meanwhile, and all that they left behind, are no burden on the server that is back.
fn a_stall_is_over_when_the_server_goes_on(fleet: &Fleet) {
    block_on(async {
        let runtime = Runtime::open(&fleet.url(fleet.store.port())).await.expect("it opens");
        let load = Load::start(&runtime, 1_500);
        let before = load.per_second(Instant::now(), 2..5).await;
        let usual = before.iter().sum::<u64>() / 3;
        fleet.store.pause();
        tokio::time::sleep(Duration::from_secs(4)).await;
        let failed = load.failed.load(Relaxed);
        fleet.store.go_on();
        let after = load.per_second(Instant::now(), 1..11).await;
        eprintln!("before {before:?}, {failed} failed, after {after:?}, {:?} failed", load.failed);
        load.end().await;
        assert!(failed > 0, "the stall was felt");
        assert!(after.iter().all(|rate| *rate >= usual / 2), "before {before:?}, after {after:?}");
    });
}

/// Also where they are more than can be served in time: those that are, are of use.
fn many_callers_are_no_slower_than_few(fleet: &Fleet) {
    block_on(async {
        let mut rates = Vec::new();
        for callers in [300, 3_000] {
            let url = format!("{}?timeout=500ms", fleet.url(fleet.store.port()));
            let runtime = Runtime::open(&url).await.expect("it opens");
            let load = Load::start(&runtime, callers);
            let rate = load.per_second(Instant::now(), 2..6).await;
            eprintln!("{callers}: {rate:?}, {:?} failed", load.failed);
            rates.push(rate.iter().sum::<u64>());
            load.end().await;
        }
        assert!(rates[1] * 10 >= rates[0] * 8, "{rates:?}");
    });
}

/// The server has granted what nobody waits for any more. It hears so as soon as it can: no key is taken until its lease is
/// over, and none waits for an operator.
fn what_failed_in_a_stall_can_be_called_again(fleet: &Fleet) {
    block_on(async {
        let url = format!("{}?timeout=1s", fleet.url(fleet.store.port()));
        let runtime = Runtime::open(&url).await.expect("it opens");
        let calls = || async {
            let mut calls = JoinSet::new();
            for key in 1..=100 {
                calls.spawn(runtime.scope(pay(key)));
                calls.spawn(runtime.scope(pay_once(key)));
            }
            calls.join_all().await
        };
        runtime.scope(pay(0)).await.expect("it is there");
        fleet.store.pause();
        for failed in calls().await {
            assert!(!failed.expect_err("it stands still").may_have_run());
        }
        tokio::time::sleep(Duration::from_secs(4)).await;
        fleet.store.go_on();
        let start = Instant::now();
        // A claim that was on its way is taken back once no more of them can come.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let failed: Vec<_> = calls().await.into_iter().filter_map(Result::err).collect();
        assert!(
            failed.is_empty(),
            "{} of 200, {:?} after the stall: {:?}",
            failed.len(),
            start.elapsed(),
            failed[0]
        );
    });
}
