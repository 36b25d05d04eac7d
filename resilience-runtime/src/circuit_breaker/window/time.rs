//! The calls of the last time.

use std::sync::OnceLock;
use std::time::Duration;

use super::bucket::{Added, BUCKETS, Buckets};
use super::hits::Hits;
use super::position::Position;
use super::striped::Striped;
use super::{Mark, Tally, Verdict, narrow};
use crate::circuit_breaker::sync::{AtomicU64, Ordering, cells};

/// In sixteen buckets of an equal share of the time each: a call is forgotten between 15/16 of the time and all of it. A bucket
/// that holds sixteen million calls of one stripe takes no more, and its share stays.
pub(crate) struct TimeWindow {
    /// That of the last call, which most often is that of the next one: a comparison costs less than a division.
    epoch: AtomicU64,
    hits: Hits,
    calls: Striped,
    failed: Buckets,
    /// Made at the first slow call.
    slow: OnceLock<Box<Buckets>>,
}

impl TimeWindow {
    cells! {
        /// Its counts are striped by thread as soon as two threads meet, where it may grow.
        pub(crate) fn new(may_grow: bool) -> Self {
            Self {
                epoch: AtomicU64::new(0),
                hits: Hits::new(),
                calls: Striped::new(may_grow),
                failed: Buckets::new(),
                slow: OnceLock::new(),
            }
        }
    }

    /// Where a call at `now` is counted, in nanoseconds.
    pub(crate) fn position(&self, generation: u32, now: u64, window: Duration) -> Position {
        let width = u64::try_from(window.as_nanos() / BUCKETS as u128).unwrap_or(u64::MAX).max(1);
        let known = self.epoch.load(Ordering::Relaxed);
        let epoch = if now.wrapping_sub(known.wrapping_mul(width)) < width {
            known
        } else {
            let epoch = now / width;
            self.epoch.store(epoch, Ordering::Relaxed);
            epoch
        };
        // Above zero, so that an untouched bucket is never a current one.
        Position { generation, epoch: epoch.saturating_add(BUCKETS as u64) }
    }

    /// Counts a call of a thread, and gives the verdict of `judge` on what the window holds now. There is none where this call
    /// cannot have changed it, nor of a generation that is over.
    pub(crate) fn record(
        &self,
        mark: Mark,
        at: Position,
        thread: usize,
        current: impl Fn() -> bool,
        judge: impl Fn(Tally) -> Verdict,
    ) -> Option<Verdict> {
        if mark.failed || mark.slow {
            return self.record_hit(mark, at, thread, &current, judge);
        }
        if !self.calls.add(at, thread, &current) {
            return None;
        }
        let moment = self.hits.matter(at)?;
        let verdict = judge(self.sum(at));
        if verdict == Verdict::Holds {
            self.hits.holds(moment);
        }
        Some(verdict)
    }

    /// First as a call and then as a hit: what others see between the two is a call that succeeds.
    fn record_hit(
        &self,
        mark: Mark,
        at: Position,
        thread: usize,
        current: &impl Fn() -> bool,
        judge: impl Fn(Tally) -> Verdict,
    ) -> Option<Verdict> {
        self.hits.mark(at);
        if !self.calls.add(at, thread, current) {
            return None;
        }
        let slow = || self.slow.get_or_init(|| Box::new(Buckets::new()));
        if mark.failed && self.failed.add(at, current) == Added::Void
            || mark.slow && slow().add(at, current) == Added::Void
        {
            return None;
        }
        self.hits.counted();
        Some(judge(self.sum(at)))
    }

    /// Hits before calls: one that comes meanwhile is at most a call more, and sums up itself.
    fn sum(&self, at: Position) -> Tally {
        Hits::before_a_sum();
        let slow = self.slow.get().map_or(0, |slow| slow.sum(at));
        let failed = self.failed.sum(at);
        let total = self.calls.sum(at);
        Tally { total: narrow(total), failed: narrow(failed), slow: narrow(slow) }
    }

    /// One that is striped already.
    #[cfg(test)]
    pub(crate) fn grown() -> Self {
        let window = Self::new(true);
        window.calls.grow();
        window
    }

    #[cfg(all(test, not(resilience_loom)))]
    pub(crate) fn has_grown(&self) -> bool {
        self.calls.stripes.get().is_some()
    }

    /// So many calls at once, of which so many have failed.
    #[cfg(all(test, not(resilience_loom)))]
    pub(crate) fn fill(&self, at: Position, calls: u64, failed: u64) {
        self.hits.mark(at);
        self.calls.first.fill(at, calls);
        self.failed.fill(at, failed);
    }
}
