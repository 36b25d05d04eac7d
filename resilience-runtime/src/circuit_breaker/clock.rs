//! Which clock a breaker reads.

use std::time::Duration;

use crate::time::Tick;

/// From here on it does not matter that a coarse clock is behind by up to two ticks of the system, 20 ms where these are slowest:
/// a fiftieth of a window of a second, and a third of one of its buckets.
const LONG: Duration = Duration::from_secs(1);

/// A coarse clock lags behind the precise one.
pub(super) trait Clock {
    fn precise(&self) -> Tick;
    fn coarse(&self) -> Tick;

    /// For the place of a call in a window of this length.
    fn within(&self, window: Duration) -> Tick {
        if window >= LONG { self.coarse() } else { self.precise() }
    }

    /// What is left of the time from `origin` until so many nanoseconds later, if anything. Near the end the precise clock
    /// decides; before, a coarse one tells a fiftieth too much at most.
    fn left(&self, origin: Tick, until: u64) -> Option<Duration> {
        let left = |now: Tick| Duration::from_nanos(until.saturating_sub(now.nanos_since(origin)));
        let by_coarse = left(self.coarse());
        let left = if by_coarse >= LONG { by_coarse } else { left(self.precise()) };
        (!left.is_zero()).then_some(left)
    }
}

/// The clocks of the machine, or tokio's where it can be paused.
pub(super) struct Real;

impl Clock for Real {
    #[inline]
    fn precise(&self) -> Tick {
        Tick::now()
    }

    #[inline]
    fn coarse(&self) -> Tick {
        Tick::coarse()
    }
}
