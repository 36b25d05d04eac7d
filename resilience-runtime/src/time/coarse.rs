//! The clock of the system that only moves at a tick of its timer, every 1 to 10 ms, and costs a quarter of the precise one. It can
//! be two ticks behind.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use system::now;

/// There is none.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn now() -> Option<super::Tick> {
    None
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod system {
    use std::sync::OnceLock;

    use rustix::time::{ClockId, Timespec, clock_gettime};

    use crate::time::Tick;

    /// The tick at which the machine's clock showed zero. It is the clock behind `Instant`, but an `Instant` does not say what
    /// it shows. `None`: this could not be found out.
    static ZERO: OnceLock<Option<u64>> = OnceLock::new();

    /// How exactly the zero is known, in nanoseconds.
    const EXACT: u64 = 100_000;
    /// A thread can be interrupted while it compares the clocks, but not each time.
    const TRIES: u32 = 100;

    pub(crate) fn now() -> Option<Tick> {
        let zero = (*ZERO.get_or_init(|| (0..TRIES).find_map(|_| zero())))?;
        Some(Tick::of(zero.saturating_add(nanos(clock_gettime(ClockId::MonotonicCoarse)))))
    }

    /// By the tick before both clocks are the same: the coarse one is never ahead.
    fn zero() -> Option<u64> {
        let before = Tick::now().nanos();
        let shown = nanos(clock_gettime(ClockId::Monotonic));
        let after = Tick::now().nanos();
        (after - before <= EXACT).then(|| before.checked_sub(shown)).flatten()
    }

    fn nanos(time: Timespec) -> u64 {
        let part = |part| u64::try_from(part).unwrap_or(0);
        part(time.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(time.tv_nsec))
    }

    #[cfg(test)]
    mod tests {
        use std::time::Duration;

        use super::*;

        /// Against the precise clock, read before and after. A machine that is busy can be late with an interrupt.
        #[test]
        fn the_coarse_clock_is_the_precise_one_some_milliseconds_ago() {
            let mut last = None;
            let mut nearest = Duration::MAX;
            let end = Tick::now().after(Duration::from_millis(100));
            while Tick::now() < end {
                let coarse = now().expect("this machine has one");
                let precise = Tick::now();
                assert!(coarse <= precise, "ahead by {:?}", coarse.since(precise));
                assert!(last.is_none_or(|last| last <= coarse), "it went back");
                nearest = nearest.min(precise.since(coarse));
                last = Some(coarse);
            }
            assert!(nearest <= Duration::from_millis(20), "the nearest was {nearest:?} behind");
        }
    }
}
