//! The clock, in one place: tokio's, so that its paused time drives every policy. Beside it a coarse one, of the same time.

mod coarse;
mod probe;
mod timer;

use std::num::NonZeroU64;
use std::sync::OnceLock;
use std::time::Duration;

pub(crate) use timer::Timer;
pub(crate) use tokio::time::{Instant, Sleep};

/// The moment that ticks count from.
static ORIGIN: OnceLock<Instant> = OnceLock::new();

/// The tick of the origin. Paused clocks can stand before it, and no tick is zero.
const BASE: u64 = 1 << 62;

/// A moment, in nanoseconds: half the size of an `Instant`, and small in an `Option`, since a call carries several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(NonZeroU64);

impl Tick {
    /// What a span of time is counted from.
    pub(crate) const BASE: Self = Self::of(BASE);

    pub(crate) const fn of(nanos: u64) -> Self {
        match NonZeroU64::new(nanos) {
            Some(nanos) => Self(nanos),
            None => Self(NonZeroU64::MIN),
        }
    }

    pub(crate) fn now() -> Self {
        Instant::now().into()
    }

    /// Some milliseconds ago, at a quarter of the cost, where the system has such a clock. Never later than [`now`](Self::now),
    /// and that itself where tokio's time could be paused.
    pub(crate) fn coarse() -> Self {
        let coarse = if probe::CAN_PAUSE { None } else { coarse::now() };
        coarse.unwrap_or_else(Self::now)
    }

    /// What an atomic keeps of it; [`of`](Self::of) makes it a moment again.
    pub(crate) const fn nanos(self) -> u64 {
        self.0.get()
    }

    /// So much later. What overflows is centuries away.
    pub(crate) fn after(self, time: Duration) -> Self {
        Self::of(self.0.get().saturating_add(nanos(time)))
    }

    /// So much earlier. What underflows is centuries ago.
    #[cfg(any(feature = "durable", feature = "redis"))]
    pub(crate) fn before(self, time: Duration) -> Self {
        Self::of(self.0.get().saturating_sub(nanos(time)))
    }

    /// The time from `earlier` up to here; nothing, if it is later.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos_since(earlier))
    }

    /// The same in nanoseconds.
    pub(crate) fn nanos_since(self, earlier: Self) -> u64 {
        self.0.get().saturating_sub(earlier.0.get())
    }

    pub(crate) fn instant(self) -> Instant {
        let origin = *ORIGIN.get_or_init(Instant::now);
        let distance = Duration::from_nanos(self.0.get().abs_diff(BASE));
        let moment =
            if self.0.get() < BASE { origin.checked_sub(distance) } else { origin.checked_add(distance) };
        moment.unwrap_or(origin)
    }
}

impl From<Instant> for Tick {
    fn from(moment: Instant) -> Self {
        let origin = *ORIGIN.get_or_init(|| moment);
        Self::of(match moment.checked_duration_since(origin) {
            Some(later) => BASE.saturating_add(nanos(later)),
            None => BASE.saturating_sub(nanos(origin.saturating_duration_since(moment))),
        })
    }
}

fn nanos(time: Duration) -> u64 {
    time.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(time.subsec_nanos()))
}

pub(crate) fn now() -> Instant {
    Instant::now()
}

pub(crate) fn sleep_until(at: Instant) -> Sleep {
    tokio::time::sleep_until(at)
}

/// Whether tokio's clock is the machine's: one that is paused in a test, or was, is not. Outside of a runtime it is.
pub(crate) fn flows() -> bool {
    // A thread that is interrupted between two looks sees them apart, too: it looks again.
    !probe::CAN_PAUSE || (0..4).any(|_| agree())
}

/// Whether the two clocks show the same, and both go on.
fn agree() -> bool {
    let (paused, machine) = (Instant::now(), std::time::Instant::now());
    // What the machine's clock shows next, it shows within nanoseconds.
    while machine.elapsed().is_zero() {
        std::hint::spin_loop();
    }
    let (now, real) = (Instant::now(), std::time::Instant::now());
    let apart =
        now.into_std().saturating_duration_since(real).max(real.saturating_duration_since(now.into_std()));
    now > paused && apart < Duration::from_millis(1)
}

/// Waits, outside of any call.
pub(crate) async fn pause(wait: Duration) {
    tokio::time::sleep(wait).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn paused_time_does_not_flow() {
        assert!(!flows());
        assert!(std::thread::spawn(flows).join().expect("no panic"), "outside of the runtime");
        tokio::time::resume();
        assert!(flows());
    }

    #[test]
    fn a_tick_is_a_moment() {
        let now = Instant::now();
        for moment in
            [now, now + Duration::from_secs(3), now.checked_sub(Duration::from_millis(1)).expect("uptime")]
        {
            let back = Tick::from(moment).instant();
            assert_eq!(back, moment);
        }
        let tick = Tick::from(now);
        assert_eq!(tick.after(Duration::from_secs(1)).since(tick), Duration::from_secs(1));
        assert_eq!(tick.since(tick.after(Duration::from_secs(1))), Duration::ZERO);
        assert!(tick.after(Duration::MAX) > tick);
    }
}
