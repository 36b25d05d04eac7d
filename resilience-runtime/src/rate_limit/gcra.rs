//! The generic cell rate algorithm (ITU-T I.371, as virtual scheduling).
//!
//! It keeps one moment, the *theoretical arrival time*: when all permits are back if nobody comes. A call moves it on by
//! the time in which its permits come back, and passes once it is no further away than a burst.

use std::time::Duration;

use resilience_policy::rate_limit::RateLimit as Params;

use crate::time::Tick;

/// How fast permits come back, and how many there are at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    /// The time in which one comes back, in nanoseconds.
    pub(crate) interval: u64,
    pub(crate) burst: u32,
}

impl Rate {
    pub(crate) const fn of(params: &Params) -> Self {
        Self { interval: params.interval(), burst: params.largest_burst() }
    }

    /// The time in which so many come back. No sum overflows: the ranges of the parameters are years, and a tick has
    /// centuries.
    pub(crate) const fn time_of(self, permits: u32) -> u64 {
        self.interval.saturating_mul(permits as u64)
    }

    /// How many have come back by `now`.
    pub(crate) fn left(self, arrival: u64, now: Tick) -> u32 {
        let room =
            now.nanos().saturating_add(self.time_of(self.burst)).saturating_sub(arrival.max(now.nanos()));
        u32::try_from(room / self.interval.max(1)).unwrap_or(u32::MAX)
    }

    /// Takes what is there, up to `wanted` and no less than `least`: what the arrival time becomes, and how many are taken;
    /// or how long until there are so many.
    pub(crate) fn draw(
        self,
        arrival: u64,
        least: u32,
        wanted: u32,
        now: Tick,
    ) -> Result<(u64, u32), Duration> {
        let left = self.left(arrival, now).min(wanted);
        if left < least {
            return Err(Tick::of(Passage::of(self, least, arrival, now).at).since(now));
        }
        Ok((Passage::of(self, left, arrival, now).arrival, left))
    }
}

/// A call that comes: what the arrival time becomes, and when the call passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Passage {
    pub(super) arrival: u64,
    pub(super) at: u64,
}

impl Passage {
    pub(super) fn of(rate: Rate, weight: u32, arrival: u64, now: Tick) -> Self {
        let arrival = arrival.max(now.nanos()).saturating_add(rate.time_of(weight));
        Self { arrival, at: arrival.saturating_sub(rate.time_of(rate.burst)) }
    }

    pub(super) fn move_forward(&mut self, time: u64) {
        self.arrival -= time;
        self.at -= time;
    }

    pub(super) fn is_due(self, now: Tick) -> bool {
        self.at <= now.nanos()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A bucket that fills by the nanosecond, from which draws take whole permits.
        #[test]
        fn it_is_a_bucket(
            interval in 1..5_000_u64,
            burst in 1..20_u32,
            draws in prop::collection::vec((0..20_000_u64, 1..25_u32, 0..25_u32), 1..60),
        ) {
            let rate = Rate { interval, burst };
            let full = interval * u64::from(burst);
            let (mut arrival, mut bucket, mut now) = (0, full, 0);
            for (pause, least, more) in draws {
                now += pause;
                bucket = full.min(bucket + pause);
                let tick = Tick::BASE.after(Duration::from_nanos(now));
                let there = u32::try_from(bucket / interval).expect("small").min(least + more);
                match rate.draw(arrival, least, least + more, tick) {
                    Ok((next, granted)) => {
                        prop_assert!(there >= least && granted == there);
                        (arrival, bucket) = (next, bucket - u64::from(granted) * interval);
                    }
                    Err(wait) => {
                        prop_assert!(there < least);
                        prop_assert_eq!(wait, Duration::from_nanos(u64::from(least) * interval - bucket));
                    }
                }
            }
        }
    }
}
