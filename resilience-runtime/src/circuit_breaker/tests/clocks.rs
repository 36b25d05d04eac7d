//! A breaker that reads a coarse clock beside one that reads the precise one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use resilience_policy::circuit_breaker::{CircuitBreaker, Window};

use super::super::breaker::{Breaker, Ended};
use super::super::clock::Clock;
use crate::time::Tick;

/// Clocks that a test sets. The coarse one shows multiples of its grain.
pub(super) struct Both {
    now: AtomicU64,
    grain: u64,
}

impl Both {
    pub(super) fn at(now: Tick) -> Self {
        Self { now: AtomicU64::new(now.nanos()), grain: 1 }
    }

    fn coarse_to(self, grain: Duration) -> Self {
        Self { grain: u64::try_from(grain.as_nanos()).expect("short"), ..self }
    }

    pub(super) fn set(&self, since: Duration) {
        self.now.store(Tick::BASE.after(since).nanos(), Ordering::SeqCst);
    }
}

impl Clock for Both {
    fn precise(&self) -> Tick {
        Tick::of(self.now.load(Ordering::SeqCst))
    }

    fn coarse(&self) -> Tick {
        let since = self.precise().nanos_since(Tick::BASE);
        Tick::BASE.after(Duration::from_nanos(since / self.grain * self.grain))
    }
}

const LAG: Duration = Duration::from_millis(20);

#[derive(Debug, Clone)]
struct Call {
    /// How many buckets after the one before, and where in its bucket, in percent.
    buckets: u32,
    percent: u32,
    ended: Ended,
}

fn call() -> impl Strategy<Value = Call> {
    let ended = prop_oneof![3 => Just(Ended::Succeeded), 1 => Just(Ended::Failed)];
    let buckets = prop_oneof![6 => Just(0u32), 3 => 1u32..4, 1 => 4u32..40];
    // From a third on: there both clocks are in the same bucket of at least 62.5 ms.
    (buckets, 34u32..100, ended).prop_map(|(buckets, percent, ended)| Call { buckets, percent, ended })
}

proptest! {
    #[test]
    fn decide_alike(
        calls in prop::collection::vec(call(), 1..200),
        window in prop_oneof![Just(300), Just(999), Just(1_000), Just(10_000)],
        open_for in 100u64..4_000,
    ) {
        let window = Duration::from_millis(window);
        let params = CircuitBreaker {
            window: Window::Time(window),
            min_calls: Some(4),
            probes: 1,
            open_for: Duration::from_millis(open_for),
            ..CircuitBreaker::DEFAULT
        };
        let both = [Both::at(Tick::BASE), Both::at(Tick::BASE).coarse_to(LAG)];
        let breakers = [Breaker::new(), Breaker::new()];
        // The buckets count from the first outcome.
        for (breaker, clock) in breakers.iter().zip(&both) {
            let first = breaker.admit_by(clock, "test", &params).expect("closed");
            breaker.end_by(clock, "test", &params, first, Ended::Succeeded, || false);
        }
        let (mut bucket, mut percent) = (0, 0);
        for call in calls {
            bucket += call.buckets;
            percent = if call.buckets == 0 { call.percent.max(percent) } else { call.percent };
            let now = window / 16 * bucket + window / 1600 * percent;
            let [fine, coarse] = [0, 1].map(|which| {
                let (breaker, clock) = (&breakers[which], &both[which]);
                clock.set(now);
                let admitted = breaker.admit_by(clock, "test", &params);
                if let Ok(pass) = &admitted {
                    breaker.end_by(clock, "test", &params, *pass, call.ended, || false);
                }
                (admitted.err(), breaker.state())
            });
            prop_assert_eq!(fine.1, coarse.1, "at {:?}", now);
            match (fine.0, coarse.0) {
                (Some(Some(fine)), Some(Some(coarse))) => {
                    prop_assert!(fine <= coarse && coarse < fine + LAG, "{fine:?} {coarse:?}");
                    prop_assert!(fine == coarse || fine > Duration::from_millis(980), "near the end");
                }
                (fine, coarse) => prop_assert_eq!(fine, coarse),
            }
        }
    }
}

/// As that of a test whose paused time begins before the end of another one's.
#[test]
fn a_clock_that_was_set_back_keeps_no_probe_out() {
    let params =
        CircuitBreaker { consecutive: Some(1), open_for: Duration::from_secs(5), ..CircuitBreaker::DEFAULT };
    let (breaker, clock) = (Breaker::new(), Both::at(Tick::BASE));
    let pass = breaker.admit_by(&clock, "test", &params).expect("closed");
    breaker.end_by(&clock, "test", &params, pass, Ended::Failed, || false);
    clock.set(Duration::from_secs(5));
    assert!(breaker.admit_by(&clock, "test", &params).is_ok(), "the first probe");
    clock.set(Duration::ZERO);
    assert!(breaker.admit_by(&clock, "test", &params).is_ok(), "the second");
}
