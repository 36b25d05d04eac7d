//! What a closed breaker remembers of its calls, without a lock.
//!
//! Every cell carries the generation that wrote it. A recorder of an earlier generation can lose a race but never
//! leave a mark: it looks at the gate *after* it has read a cell, so its compare-and-swap fails if a later generation
//! has written there meanwhile, and what it writes otherwise is of no generation that counts.

mod bucket;
mod calls;
mod hits;
mod position;
mod streak;
mod striped;
mod time;

#[cfg(all(test, not(resilience_loom)))]
pub(super) use bucket::COUNT_MAX;
pub(super) use calls::CallWindow;
#[cfg(test)]
pub(super) use position::Position;
pub(super) use streak::Streak;
pub(super) use time::TimeWindow;

/// The result of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

impl Mark {
    /// It has succeeded in time.
    pub(super) const GOOD: Self = Self { failed: false, slow: false };
}

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) total: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

/// What a tally means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There are too few calls for a decision.
    Unknown,
    /// More calls that succeed in time cannot change this.
    Holds,
    Failed,
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
