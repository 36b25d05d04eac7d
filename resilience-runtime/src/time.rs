//! The clock, in one place: tokio's, so that its paused time drives every policy.

use std::num::NonZeroI64;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use tokio::time::{Instant, Sleep};

/// The moment that ticks count from. Paused clocks can stand before it, so a tick has a sign.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// A moment, in nanoseconds: half the size of an `Instant`, and small in an `Option`, since a call carries several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(NonZeroI64);

impl Tick {
    /// Next to the origin: what a span of time is counted from.
    pub(crate) const BASE: Self = Self(NonZeroI64::new(1).unwrap());

    pub(crate) fn now() -> Self {
        Instant::now().into()
    }

    fn from_nanos(nanos: i64) -> Self {
        NonZeroI64::new(nanos).map_or(Self::BASE, Self)
    }

    /// So much later. What overflows is centuries away.
    pub(crate) fn after(self, time: Duration) -> Self {
        Self::from_nanos(self.0.get().saturating_add(nanos(time)))
    }

    /// The time from `earlier` up to here; nothing, if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        let nanos = self.0.get().saturating_sub(earlier.0.get());
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    pub(crate) fn instant(self) -> Instant {
        let origin = *ORIGIN.get_or_init(Instant::now);
        let distance = Duration::from_nanos(self.0.get().unsigned_abs());
        let moment =
            if self.0.get() > 0 { origin.checked_add(distance) } else { origin.checked_sub(distance) };
        moment.unwrap_or(origin)
    }
}

impl From<Instant> for Tick {
    fn from(moment: Instant) -> Self {
        let origin = *ORIGIN.get_or_init(|| moment);
        match moment.checked_duration_since(origin) {
            Some(later) => Self::from_nanos(nanos(later)),
            None => Self::from_nanos(-nanos(origin.duration_since(moment))),
        }
    }
}

pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn sleep_until(at: Instant) -> Sleep {
    tokio::time::sleep_until(at)
}

/// Waits, outside of any call.
pub(crate) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_a_moment() {
        let now = Instant::now();
        for moment in
            [now, now + Duration::from_secs(3), now.checked_sub(Duration::from_millis(1)).expect("uptime")]
        {
            let back = Tick::from(moment).instant();
            assert!(back.max(moment) - back.min(moment) <= Duration::from_nanos(1));
        }
        let tick = Tick::from(now);
        assert_eq!(tick.after(Duration::from_secs(1)).since(tick), Duration::from_secs(1));
        assert_eq!(tick.since(tick.after(Duration::from_secs(1))), Duration::ZERO);
        assert!(tick.after(Duration::MAX) > tick);
    }
}
