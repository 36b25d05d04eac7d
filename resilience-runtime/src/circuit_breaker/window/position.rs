//! Where in time, and in whose generation, a call is recorded.

use super::bucket::{BUCKETS, COUNT_BITS};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Position {
    pub(super) generation: u32,
    pub(super) epoch: u64,
}

impl Position {
    /// What a bucket carries besides its count: 32 bits of the epoch, 8 of the generation.
    pub(super) fn tag(self) -> u64 {
        (self.epoch & 0xFFFF_FFFF) << 32 | u64::from(self.generation & 0xFF) << COUNT_BITS
    }

    /// Whether the bucket belongs to the window that ends here.
    pub(super) fn counts(self, word: u64) -> bool {
        let age = (self.epoch & 0xFFFF_FFFF).wrapping_sub(word >> 32) & 0xFFFF_FFFF;
        self.same_generation(word) && age < BUCKETS as u64
    }

    /// Whether the bucket has already gone on to a later time. One that is ahead of more than a window has been left behind:
    /// epochs are counted in 32 bits, and a breaker that nobody calls does not turn its buckets over.
    pub(super) fn sees(self, word: u64) -> bool {
        let ahead = (word >> 32).wrapping_sub(self.epoch & 0xFFFF_FFFF) & 0xFFFF_FFFF;
        self.same_generation(word) && ahead != 0 && ahead < 2 * BUCKETS as u64
    }

    fn same_generation(self, word: u64) -> bool {
        word >> COUNT_BITS & 0xFF == u64::from(self.generation & 0xFF)
    }
}
