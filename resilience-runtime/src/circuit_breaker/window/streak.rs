//! Failures in a row.

use super::narrow;
use crate::circuit_breaker::sync::{AtomicU64, Ordering, cells};

/// Failures in a row: 32 bits of the generation, 32 of the count.
pub(crate) struct Streak(AtomicU64);

impl Streak {
    cells! {
        pub(crate) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Counts a call and tells the length of the streak; `None` if its generation is over.
    pub(crate) fn record(&self, failed: bool, generation: u32, current: impl Fn() -> bool) -> Option<u32> {
        let mine = u64::from(generation) << 32;
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            if !current() {
                return None;
            }
            let next = match (failed, word >> 32 == u64::from(generation)) {
                (false, _) => mine,
                (true, true) => mine | (word & 0xFFFF_FFFF).saturating_add(1).min(0xFFFF_FFFF),
                (true, false) => mine | 1,
            };
            if next == word {
                return Some(narrow(next & 0xFFFF_FFFF));
            }
            match self.0.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(narrow(next & 0xFFFF_FFFF)),
                Err(seen) => word = seen,
            }
        }
    }
}
