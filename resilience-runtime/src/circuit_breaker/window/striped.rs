//! Counts that all threads add to, and that are seldom summed up.

use std::sync::OnceLock;

use super::bucket::{Added, Buckets};
use super::position::Position;
use crate::circuit_breaker::sync::cells;

/// Two are enough for the model checker.
const STRIPES: usize = if cfg!(resilience_loom) { 2 } else { 8 };

pub(super) struct Striped {
    /// In use until two threads meet there.
    pub(super) first: Buckets,
    /// One for each thread, or for a few.
    pub(super) stripes: OnceLock<Box<[Stripe]>>,
    may_grow: bool,
}

/// Apart from each other, so that two threads do not share a line of the cache.
#[repr(align(128))]
pub(super) struct Stripe(Buckets);

impl Striped {
    cells! {
        /// Where it may not grow, all threads share the first: it is small enough for thousands.
        pub(super) fn new(may_grow: bool) -> Self {
            Self { first: Buckets::new(), stripes: OnceLock::new(), may_grow }
        }
    }

    /// Counts one more, in the stripe of a thread. Whether it counts.
    pub(super) fn add(&self, at: Position, thread: usize, current: &impl Fn() -> bool) -> bool {
        let stripe = self.stripes.get().map_or(&self.first, |stripes| &stripes[thread % STRIPES].0);
        match stripe.add(at, current) {
            Added::Counted => true,
            Added::CountedSecond => {
                if self.may_grow {
                    self.grow();
                }
                true
            }
            Added::Void => false,
        }
    }

    pub(super) fn sum(&self, at: Position) -> u64 {
        let others = self.stripes.get().map_or(&[][..], |stripes| stripes);
        self.first.sum(at) + others.iter().map(|stripe| stripe.0.sum(at)).sum::<u64>()
    }

    #[cold]
    pub(super) fn grow(&self) {
        self.stripes.get_or_init(|| (0..STRIPES).map(|_| Stripe(Buckets::new())).collect());
    }
}
