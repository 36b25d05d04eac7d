//! When a sum is needed at all: only calls that failed or were slow can fail a window.
//!
//! A call that succeeds counts, and *then* asks [`matter`](Hits::matter). A hit is marked *before* its recorder sums up. So of the
//! two that meet, one sees the other, and none leaves the decision to the other: asked first, a call would not know of the hit,
//! nor the hit of the call that completes the least number.
//!
//! While there are hits, more successes only lower their share. Once a window holds, it does so until the next hit, or until the
//! next bucket, when earlier calls are forgotten. So one success of each bucket sums up, and one after each hit.

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

    /// Whether the window that ends here can have failed by a success that was counted in it.
    pub(super) fn matter(&self, at: Position) -> bool {
        in_one_order();
        let last = self.last.load(Ordering::SeqCst);
        last.saturating_add(BUCKETS as u64) > at.epoch
            && self.held.load(Ordering::Relaxed) != self.moment(at).0
    }

    /// Before a sum: the moment that it is of.
    pub(super) fn moment(&self, at: Position) -> Moment {
        let number = self.number.load(Ordering::SeqCst) & 0xFFFF_FFFF;
        Moment((at.epoch & 0xFFFF) << 48 | u64::from(at.generation & 0xFFFF) << 32 | number)
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
