//! What goes wrong, and when: a plan that follows from the arguments alone.

use std::ops::Range;
use std::time::Duration;

/// How a dependency misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// One reply in eight is lost on its way, and comes a second or two later.
    SlowTail,
    /// Nothing that is taken up gets done, until it is over; then all of it is.
    Hang,
    /// Work takes three times as long, and longer still the more of it waits; one call in ten is refused.
    Overload,
}

/// One dependency misbehaves for a while.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) dependency: &'static str,
    pub(crate) trouble: Trouble,
    /// Since the start of the run.
    pub(crate) time: Range<Duration>,
}

/// The whole plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) seconds: u64,
}

impl Plan {
    /// One after the other, with some good weather before and between.
    pub(crate) fn phases(&self) -> [Phase; 3] {
        let phase = |dependency, trouble, percent: Range<u64>| {
            let at = |percent: u64| Duration::from_millis(self.seconds * 10 * percent);
            Phase { dependency, trouble, time: at(percent.start)..at(percent.end) }
        };
        [
            phase("suggestions", Trouble::SlowTail, 10..30),
            phase("reviews", Trouble::Hang, 35..55),
            phase("stock", Trouble::Overload, 72..92),
        ]
    }
}

impl Trouble {
    pub(crate) fn in_words(self) -> &'static str {
        match self {
            Self::SlowTail => "slow tail",
            Self::Hang => "hang",
            Self::Overload => "overloaded",
        }
    }
}
