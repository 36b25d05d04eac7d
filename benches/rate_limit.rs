//! What a rate limit adds to a call that passes, beside `governor`: ratios of one run.
#![allow(missing_docs, reason = "a benchmark target")]

use std::hint::black_box;
use std::num::NonZeroU32;
use std::sync::{Barrier, LazyLock};
use std::time::{Duration, Instant};

use governor::clock::MonotonicClock;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use resilience::{Error, RateLimit, Site, bulkhead, manifest, rate_limit};

const CALLS: u32 = 50_000;
const ROUNDS: usize = 15;
/// Never used up.
const BURST: u32 = 1_000_000_000;
const RATE: u32 = 1_000_000;

fn quota() -> Quota {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    Quota::per_second(number(RATE)).allow_burst(number(BURST))
}

type StdClock = RateLimiter<
    governor::state::NotKeyed,
    governor::state::InMemoryState,
    MonotonicClock,
    governor::middleware::NoOpMiddleware<Instant>,
>;

static QUANTA: LazyLock<DefaultDirectRateLimiter> = LazyLock::new(|| RateLimiter::direct(quota()));
static STD: LazyLock<StdClock> = LazyLock::new(|| RateLimiter::direct_with_clock(quota(), MonotonicClock));

/// Any one will do: nothing is rejected.
static SITE: LazyLock<&Site> = LazyLock::new(|| manifest().next().expect("those below"));
static ENGINE: RateLimit = RateLimit::new("engine", RATE).burst(BURST);

async fn bare(n: u32) -> Result<u32, Error> {
    Ok(black_box(n))
}

async fn quanta(n: u32) -> Result<u32, Error> {
    assert!(QUANTA.check().is_ok());
    bare(n).await
}

async fn quanta_waiting(n: u32) -> Result<u32, Error> {
    QUANTA.until_ready().await;
    bare(n).await
}

async fn std_clock(n: u32) -> Result<u32, Error> {
    assert!(STD.check().is_ok());
    bare(n).await
}

async fn engine(n: u32) -> Result<u32, Error> {
    ENGINE.admit(*SITE, 1).await?;
    bare(n).await
}

#[rate_limit(permits = RATE, burst = BURST)]
async fn attribute(n: u32) -> Result<u32, Error> {
    bare(n).await
}

#[rate_limit(permits = RATE, burst = BURST, max_wait = "1s")]
async fn attribute_waiting(n: u32) -> Result<u32, Error> {
    bare(n).await
}

/// What an attribute costs that needs no clock.
#[bulkhead(max = 32)]
async fn other_attribute(n: u32) -> Result<u32, Error> {
    bare(n).await
}

/// Nanoseconds per call, of all threads together.
fn measure<F: Future<Output = Result<u32, Error>>>(threads: usize, call: fn(u32) -> F) -> f64 {
    let start = Barrier::new(threads);
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            start.wait();
            let begin = Instant::now();
            for n in 0..CALLS {
                assert!(call(n).await.is_ok());
            }
            begin.elapsed()
        })
    };
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    times.iter().sum::<Duration>().as_secs_f64() * 1e9 / f64::from(CALLS) / times.len() as f64
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn compare(threads: usize) {
    let names = [
        "bare",
        "governor, check (clock: quanta)",
        "governor, until_ready (clock: quanta)",
        "governor, check (clock: std)",
        "the engine of #[rate_limit] alone",
        "#[rate_limit]",
        "#[rate_limit] with max_wait",
        "#[bulkhead], for comparison",
    ];
    let mut rounds: [Vec<f64>; 8] = Default::default();
    // Interleaved, so that a machine that slows down does so for all.
    for _ in 0..ROUNDS {
        rounds[0].push(measure(threads, bare));
        rounds[1].push(measure(threads, quanta));
        rounds[2].push(measure(threads, quanta_waiting));
        rounds[3].push(measure(threads, std_clock));
        rounds[4].push(measure(threads, engine));
        rounds[5].push(measure(threads, attribute));
        rounds[6].push(measure(threads, attribute_waiting));
        rounds[7].push(measure(threads, other_attribute));
    }
    let medians = rounds.map(median);
    let unit = medians[3] - medians[0];
    println!("{threads} thread(s)");
    for (name, time) in names.iter().zip(medians).skip(1) {
        println!("  {name:<40} {:.2}", (time - medians[0]) / unit);
    }
}

fn main() {
    println!("what is added to the bare call, as a share of what governor adds with the standard clock\n");
    compare(1);
    compare(2);
}
