//! Counts of the last time, in sixteen buckets of an equal share each.

use super::position::Position;
use crate::circuit_breaker::sync::{AtomicU64, Ordering, cells, zeros};

/// Two are enough for the model checker, which tries every order of every load.
pub(super) const BUCKETS: usize = if cfg!(resilience_loom) { 2 } else { 16 };

/// A bucket: 40 bits of its position, 24 of the count.
pub(super) const COUNT_BITS: u32 = 24;
pub(crate) const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;

pub(super) struct Buckets([AtomicU64; BUCKETS]);

/// What has become of one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Added {
    Counted,
    /// Counted, after another recorder came first.
    CountedSecond,
    /// Its generation is over, its bucket is full, or a recorder with a later clock has turned the bucket over.
    Void,
}

impl Buckets {
    cells! {
        pub(super) fn new() -> Self {
            Self(zeros!())
        }
    }

    /// Counts one more.
    pub(super) fn add(&self, at: Position, current: &impl Fn() -> bool) -> Added {
        let index = usize::try_from(at.epoch % BUCKETS as u64).unwrap_or(0);
        let (bucket, mine) = (&self.0[index], at.tag());
        let mut word = bucket.load(Ordering::Acquire);
        let mut added = Added::Counted;
        loop {
            if !current() {
                return Added::Void;
            }
            let next = if word & !COUNT_MAX == mine {
                if word & COUNT_MAX == COUNT_MAX {
                    return Added::Void;
                }
                word + 1
            } else if at.sees(word) {
                return Added::Void;
            } else {
                mine | 1
            };
            match bucket.compare_exchange_weak(word, next, Ordering::SeqCst, Ordering::Acquire) {
                Ok(_) => return added,
                Err(seen) => (word, added) = (seen, Added::CountedSecond),
            }
        }
    }

    /// The counts of the window that ends here.
    pub(super) fn sum(&self, at: Position) -> u64 {
        let words = self.0.iter().map(|bucket| bucket.load(Ordering::Acquire));
        words.filter(|word| at.counts(*word)).map(|word| word & COUNT_MAX).sum()
    }

    /// So many at once.
    #[cfg(all(test, not(resilience_loom)))]
    pub(super) fn fill(&self, at: Position, count: u64) {
        let index = usize::try_from(at.epoch % BUCKETS as u64).expect("sixteen");
        self.0[index].store(at.tag() | count, Ordering::SeqCst);
    }
}
