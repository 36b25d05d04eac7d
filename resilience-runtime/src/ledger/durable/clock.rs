//! Wall time, for what is kept over a restart.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::time::Tick;

/// The wall clock is read once, when the ledger is opened, and goes on with the monotonic one: where it jumps
/// meanwhile, no result is forgotten early.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    tick: Tick,
    /// Milliseconds since 1970 at that moment.
    wall: u64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { tick: Tick::now(), wall: millis(wall) }
    }

    pub(super) fn wall(&self, tick: Tick) -> u64 {
        let (later, earlier) = (millis(tick.since(self.tick)), millis(self.tick.since(tick)));
        self.wall.saturating_add(later).saturating_sub(earlier)
    }

    pub(super) fn tick(&self, wall: u64) -> Tick {
        let distance = Duration::from_millis(wall.abs_diff(self.wall));
        if wall < self.wall { self.tick.before(distance) } else { self.tick.after(distance) }
    }
}

pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_survives_the_way_over_the_wall() {
        let clock = Clock::start();
        let (minute, month) = (Duration::from_mins(1), Duration::from_hours(24 * 30));
        for tick in [clock.tick, clock.tick.after(month), clock.tick.before(minute), clock.tick.before(month)]
        {
            assert_eq!(clock.tick(clock.wall(tick)), tick);
        }
        assert_eq!(clock.wall(clock.tick.after(minute)) - clock.wall(clock.tick), 60_000);
        // Written under a clock that was wrong by centuries.
        assert!(clock.tick(u64::MAX) > clock.tick && clock.tick(0) < clock.tick);
    }
}
