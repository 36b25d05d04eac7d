//! When a sum is needed at all: only calls that failed or were slow can fail a window.
//!
//! A call that succeeds counts, and *then* asks [`matter`](Hits::matter). A hit is marked *before* its recorder sums up. So of the
//! two that meet, one sees the other, and none leaves the decision to the other: asked first, a call would not know of the hit,
//! nor the hit of the call that completes the least number.
//!
//! While there are hits, more successes only lower their share. Once a window holds, it does so until the next bucket, when earlier
//! calls are forgotten, or until the next hit: its own recorder may have read the clock in an earlier bucket, and sees nothing of
//! this one. So one success in each bucket sums up, and one after each hit.

use super::bucket::BUCKETS;
use super::position::Position;
use crate::circuit_breaker::sync::{AtomicU64, Ordering, cells, fence, in_one_order};

pub(super) struct Hits {
    /// The epoch of the last one, over all generations: at worst there is a sum too many.
    last: AtomicU64,
    /// How many there were.
    number: AtomicU64,
    /// Where, and at which number of hits, the window held.
    held: AtomicU64,
}

/// An epoch (16 bits), its generation (16), and the number of hits (32). It is compared within the time of a window after the
/// last hit, where no two of its places are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl Hits {
    cells! {
        pub(super) fn new() -> Self {
            Self { last: AtomicU64::new(0), number: AtomicU64::new(0), held: AtomicU64::new(0) }
        }
    }

    /// A call here fails or is slow.
    pub(super) fn mark(&self, at: Position) {
        if self.last.load(Ordering::Relaxed) < at.epoch {
            self.last.fetch_max(at.epoch, Ordering::SeqCst);
        }
    }

    /// It has been counted; its recorder sums up now.
    pub(super) fn counted(&self) {
        self.number.fetch_add(1, Ordering::SeqCst);
    }

    /// Asked after a success was counted: the moment of the sum that its recorder makes now, if the window can have failed at all.
    pub(super) fn matter(&self, at: Position) -> Option<Moment> {
        in_one_order();
        if self.last.load(Ordering::SeqCst).saturating_add(BUCKETS as u64) <= at.epoch {
            return None;
        }
        let number = self.number.load(Ordering::SeqCst) & 0xFFFF_FFFF;
        let moment = (at.epoch & 0xFFFF) << 48 | u64::from(at.generation & 0xFFFF) << 32 | number;
        (self.held.load(Ordering::Relaxed) != moment).then_some(Moment(moment))
    }

    /// Orders the sum that follows after what this recorder has marked and counted.
    pub(super) fn before_a_sum() {
        fence(Ordering::SeqCst);
    }

    /// By the sum of this moment the window holds.
    pub(super) fn holds(&self, moment: Moment) {
        self.held.store(moment.0, Ordering::Release);
    }
}
