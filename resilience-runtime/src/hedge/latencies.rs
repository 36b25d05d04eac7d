//! How long runs take: a histogram that forgets, and its 95th percentile. No lock, no heap, no clock.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// The share of runs that are not slow, in percent.
const PERCENT: u64 = 95;
/// Fewer samples say nothing about one in twenty.
const LEAST: u64 = 20;
/// The percentile is computed anew after so many samples.
const EVERY: u64 = 10;
/// What a sample weighs when it is new. Halved eight times, it is gone.
const NEW: u32 = 256;
/// All weights are halved when together they reach that of so many new samples.
const MOST: u64 = 1_024 * NEW as u64;

/// Buckets for each doubling of the time: one is an eighth of its lower bound wide, or less.
const STEPS: u32 = 8;
const STEP_BITS: u32 = STEPS.trailing_zeros();
/// The first bucket begins at 2^14 ns (16 us), far below the resolution of a timer; the last ends at 2^38 ns (275 s).
const LOWEST: u32 = 14;
const HIGHEST: u32 = 38;
const BUCKETS: usize = ((HIGHEST - LOWEST) * STEPS) as usize;

/// The times of the last runs: half of what it knows is from the last 512 of them.
#[derive(Debug)]
pub(super) struct Latencies {
    weights: [AtomicU32; BUCKETS],
    samples: AtomicU64,
    /// In nanoseconds; zero while it is not known.
    p95: AtomicU64,
    /// Somebody computes it.
    busy: AtomicBool,
}

impl Latencies {
    pub(super) const fn new() -> Self {
        Self {
            weights: [const { AtomicU32::new(0) }; BUCKETS],
            samples: AtomicU64::new(0),
            p95: AtomicU64::new(0),
            busy: AtomicBool::new(false),
        }
    }

    /// The time that 95 of 100 runs stay below, if enough is known: never below the true one of the samples, and at most an
    /// eighth above it.
    pub(super) fn p95(&self) -> Option<Duration> {
        match self.p95.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// A run took this long.
    pub(super) fn record(&self, time: Duration) {
        self.weights[bucket(time)].fetch_add(NEW, Ordering::Relaxed);
        let samples = self.samples.fetch_add(1, Ordering::Relaxed) + 1;
        if samples >= LEAST && samples.is_multiple_of(EVERY) && !self.busy.swap(true, Ordering::Acquire) {
            self.compute();
            self.busy.store(false, Ordering::Release);
        }
    }

    /// What is recorded meanwhile counts now or the next time.
    fn compute(&self) {
        let weights = || self.weights.iter().map(|weight| u64::from(weight.load(Ordering::Relaxed)));
        let total: u64 = weights().sum();
        let mut below = 0;
        let slow = weights().position(|weight| {
            below += weight;
            below * 100 >= total * PERCENT
        });
        self.p95.store(slow.map_or(0, upper_bound), Ordering::Relaxed);
        if total >= MOST {
            for weight in &self.weights {
                let now = weight.load(Ordering::Relaxed);
                weight.fetch_sub(now - now / 2, Ordering::Relaxed);
            }
        }
    }
}

/// Where a time is counted. What is too short is in the first bucket, what is too long in the last.
fn bucket(time: Duration) -> usize {
    let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX).clamp(1 << LOWEST, (1 << HIGHEST) - 1);
    let doubling = nanos.ilog2();
    let step = nanos >> (doubling - STEP_BITS) & u64::from(STEPS - 1);
    ((doubling - LOWEST) * STEPS) as usize + usize::try_from(step).unwrap_or(0)
}

/// The end of a bucket, in nanoseconds.
fn upper_bound(bucket: usize) -> u64 {
    let (doubling, step) = (bucket / STEPS as usize, (bucket % STEPS as usize) as u64);
    (u64::from(STEPS) + step + 1) << (LOWEST - STEP_BITS) << doubling
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn us(micros: u64) -> Duration {
        Duration::from_micros(micros)
    }

    #[test]
    fn a_bucket_is_an_eighth_wide() {
        assert_eq!((bucket(Duration::ZERO), bucket(Duration::MAX)), (0, BUCKETS - 1));
        for at in 1..BUCKETS {
            let (lower, upper) = (upper_bound(at - 1), upper_bound(at));
            assert_eq!(bucket(Duration::from_nanos(lower)), at);
            assert_eq!(bucket(Duration::from_nanos(upper - 1)), at);
            assert!(upper - lower <= lower / 8, "{lower} to {upper}");
        }
    }

    #[test]
    fn nothing_is_known_at_first() {
        let latencies = Latencies::new();
        for _ in 1..LEAST {
            latencies.record(us(1_000));
            assert_eq!(latencies.p95(), None);
        }
        latencies.record(us(1_000));
        let p95 = latencies.p95().expect("enough");
        assert!(p95 >= us(1_000) && p95 <= us(1_125), "{p95:?}");
    }

    #[test]
    fn it_follows_a_change() {
        let latencies = Latencies::new();
        let p95_after = |samples: u32, micros| {
            (0..samples).for_each(|_| latencies.record(us(micros)));
            latencies.p95().expect("enough")
        };
        assert!(p95_after(100_000, 1_000) < us(1_200));
        assert!(p95_after(60, 50_000) > us(50_000), "up at once: one in twenty is slow");
        assert!(p95_after(200, 1_000) > us(50_000), "down after a while");
        assert!(p95_after(3_000, 1_000) < us(1_200));
    }

    /// The same in full: the sorted samples, each with its weight.
    #[derive(Default)]
    struct Model {
        weights: Vec<(Duration, u64)>,
        p95: Option<Duration>,
    }

    impl Model {
        fn record(&mut self, time: Duration, samples: u64) {
            self.weights.push((time, u64::from(NEW)));
            if samples < LEAST || !samples.is_multiple_of(EVERY) {
                return;
            }
            self.weights.sort_unstable();
            let total: u64 = self.weights.iter().map(|(_, weight)| weight).sum();
            let mut below = 0;
            let slow = self.weights.iter().find(|(_, weight)| {
                below += weight;
                below * 100 >= total * PERCENT
            });
            self.p95 = slow.map(|(time, _)| *time);
            if total >= MOST {
                self.weights.iter_mut().for_each(|(_, weight)| *weight /= 2);
                self.weights.retain(|(_, weight)| *weight > 0);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// Times from 20 us to 200 s, in phases of another scale each: longer than what it remembers.
        #[test]
        fn it_is_at_most_an_eighth_above_the_true_one(
            phases in prop::collection::vec((20_u64..20_000_000, prop::collection::vec(1_u64..10, 1..900)), 1..5),
        ) {
            let (latencies, mut model) = (Latencies::new(), Model::default());
            let times = phases.iter().flat_map(|(scale, factors)| factors.iter().map(move |factor| us(scale * factor)));
            for (time, samples) in times.zip(1..) {
                latencies.record(time);
                model.record(time, samples);
                match (latencies.p95(), model.p95) {
                    (Some(p95), Some(exact)) => prop_assert!(
                        p95 >= exact && p95 <= exact + exact / 8, "{p95:?} for {exact:?} after {samples}"
                    ),
                    (known, expected) => prop_assert_eq!(known, expected),
                }
            }
        }
    }

    #[test]
    fn under_threads() {
        let latencies = Latencies::new();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let latencies = &latencies;
                scope.spawn(move || {
                    (0..50_000).for_each(|at| latencies.record(us(1_000 + (at + thread) % 100)));
                });
            }
        });
        let weight: u64 =
            latencies.weights.iter().map(|weight| u64::from(weight.load(Ordering::Relaxed))).sum();
        assert!(weight < 2 * MOST, "{weight}: no weight goes below zero");
        let p95 = latencies.p95().expect("enough");
        assert!(p95 > us(1_090) && p95 < us(1_250), "{p95:?}");
    }
}
