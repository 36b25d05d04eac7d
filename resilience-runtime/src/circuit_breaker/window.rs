//! What a closed breaker remembers of its calls, without a lock.
//!
//! Every cell carries the generation that wrote it. A recorder of an earlier generation can lose a race but never
//! leave a mark: it looks at the gate *after* it has read a cell, so its compare-and-swap fails if a later generation
//! has written there meanwhile, and what it writes otherwise is of no generation that counts.

use std::time::Duration;

use super::sync::{AtomicU32, AtomicU64, Ordering, cells, zeros};

/// The result of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) failed: bool,
    pub(super) slow: bool,
}

/// What a window holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) total: u32,
    pub(super) failed: u32,
    pub(super) slow: u32,
}

/// Two are enough for the model checker, which tries every order of every load.
const BUCKETS: usize = if cfg!(resilience_loom) { 2 } else { 16 };

/// The calls of the last time, in sixteen buckets of an equal share each: a call is forgotten between 15/16 of the
/// time and all of it.
pub(super) struct TimeWindow {
    failed: [AtomicU64; BUCKETS],
    slow: [AtomicU64; BUCKETS],
}

/// A bucket: 32 bits of the epoch, 8 of the generation, 12 of hits, 12 of calls.
const COUNT_BITS: u32 = 12;
const COUNT_MAX: u64 = (1 << COUNT_BITS) - 1;
const TAG: u64 = u64::MAX << (2 * COUNT_BITS);

fn tag(generation: u32, epoch: u64) -> u64 {
    (epoch & 0xFFFF_FFFF) << 32 | u64::from(generation & 0xFF) << (2 * COUNT_BITS)
}

/// One more call in a bucket. A full one is halved, which keeps the share.
fn bump(word: u64, hit: bool) -> u64 {
    let (mut hits, mut total) = (word >> COUNT_BITS & COUNT_MAX, word & COUNT_MAX);
    if total == COUNT_MAX {
        hits /= 2;
        total /= 2;
    }
    word & TAG | (hits + u64::from(hit)) << COUNT_BITS | (total + 1)
}

impl TimeWindow {
    cells! {
        pub(super) fn new() -> Self {
            Self {
                failed: zeros!(),
                slow: zeros!(),
            }
        }
    }

    /// Counts a call and tells what the window holds now; `None` if its generation is over.
    pub(super) fn record(
        &self,
        mark: Mark,
        at: Position,
        count_slow: bool,
        current: impl Fn() -> bool,
    ) -> Option<Tally> {
        let (total, failed) = Self::add(&self.failed, mark.failed, at, &current)?;
        let (_, slow) = if count_slow { Self::add(&self.slow, mark.slow, at, &current)? } else { (0, 0) };
        Some(Tally { total, failed, slow })
    }

    fn add(
        buckets: &[AtomicU64],
        hit: bool,
        at: Position,
        current: &impl Fn() -> bool,
    ) -> Option<(u32, u32)> {
        let mine = tag(at.generation, at.epoch);
        let index = usize::try_from(at.epoch % BUCKETS as u64).unwrap_or(0);
        let bucket = &buckets[index];
        let mut word = bucket.load(Ordering::Acquire);
        loop {
            if !current() {
                return None;
            }
            let next = if word & TAG == mine {
                bump(word, hit)
            } else if at.sees(word) {
                // A recorder with a later clock has turned the bucket over: this call is out of the window.
                break;
            } else {
                bump(mine, hit)
            };
            match bucket.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(seen) => word = seen,
            }
        }
        let words = buckets.iter().map(|bucket| bucket.load(Ordering::Acquire));
        let (total, hits) = words.filter(|word| at.counts(*word)).fold((0, 0), |(total, hits), word| {
            (total + (word & COUNT_MAX), hits + (word >> COUNT_BITS & COUNT_MAX))
        });
        Some((narrow(total), narrow(hits)))
    }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Where in time, and in whose generation, a call is recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Position {
    pub(super) generation: u32,
    epoch: u64,
}

impl Position {
    pub(super) fn new(generation: u32, now: Duration, window: Duration) -> Self {
        let width = (window.as_nanos() / BUCKETS as u128).max(1);
        // Epochs start above zero, so that an untouched bucket is never a current one.
        let epoch = u64::try_from(now.as_nanos() / width).unwrap_or(u64::MAX >> 1) + BUCKETS as u64;
        Self { generation, epoch }
    }

    /// Whether the bucket belongs to the window that ends here.
    fn counts(self, word: u64) -> bool {
        let age = (self.epoch & 0xFFFF_FFFF).wrapping_sub(word >> 32) & 0xFFFF_FFFF;
        self.same_generation(word) && age < BUCKETS as u64
    }

    /// Whether the bucket has already gone on to a later time. One that is ahead of more than a window has been left behind:
    /// epochs are counted in 32 bits, and a breaker that nobody calls does not turn its buckets over.
    fn sees(self, word: u64) -> bool {
        let ahead = (word >> 32).wrapping_sub(self.epoch & 0xFFFF_FFFF) & 0xFFFF_FFFF;
        self.same_generation(word) && ahead != 0 && ahead < 2 * BUCKETS as u64
    }

    fn same_generation(self, word: u64) -> bool {
        word >> (2 * COUNT_BITS) & 0xFF == u64::from(self.generation & 0xFF)
    }
}

/// The last calls, one slot each.
pub(super) struct CallWindow {
    slots: Box<[AtomicU32]>,
    cursor: AtomicU64,
    /// The sums over the slots: 16 bits of the generation, and three biased counts of 16.
    sums: AtomicU64,
}

const USED: u32 = 0b100;
const FAILED: u32 = 0b010;
const SLOW: u32 = 0b001;
const FLAGS: u32 = 3;
/// A slot can be overwritten before its writer has added to the sums: they go below zero for that moment.
const BIAS: u64 = 0x400;
const EMPTY_SUMS: u64 = BIAS << 32 | BIAS << 16 | BIAS;

impl CallWindow {
    pub(super) fn new(calls: u32) -> Self {
        let slots = (0..calls).map(|_| AtomicU32::new(0)).collect();
        Self { slots, cursor: AtomicU64::new(0), sums: AtomicU64::new(EMPTY_SUMS) }
    }

    /// Counts a call and tells what the window holds now; `None` if its generation is over.
    pub(super) fn record(&self, mark: Mark, generation: u32, current: impl Fn() -> bool) -> Option<Tally> {
        let turn = self.cursor.fetch_add(1, Ordering::Relaxed) % self.slots.len() as u64;
        let slot = &self.slots[usize::try_from(turn).unwrap_or(0)];
        let new = generation << FLAGS | USED | flag(mark.failed, FAILED) | flag(mark.slow, SLOW);
        let mut old = slot.load(Ordering::Acquire);
        loop {
            if !current() {
                return None;
            }
            match slot.compare_exchange_weak(old, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => break,
                Err(seen) => old = seen,
            }
        }
        let old = if old >> FLAGS == new >> FLAGS { old } else { 0 };
        let change = amounts(new).wrapping_sub(amounts(old));
        self.add(change, generation, current)
    }

    fn add(&self, change: u64, generation: u32, current: impl Fn() -> bool) -> Option<Tally> {
        let mine = u64::from(generation & 0xFFFF) << 48;
        let mut sums = self.sums.load(Ordering::Acquire);
        loop {
            if !current() {
                return None;
            }
            let from = if sums >> 48 << 48 == mine { sums } else { mine | EMPTY_SUMS };
            let next = from.wrapping_add(change);
            match self.sums.compare_exchange_weak(sums, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    return Some(Tally {
                        total: count(next),
                        failed: count(next >> 16),
                        slow: count(next >> 32),
                    });
                }
                Err(seen) => sums = seen,
            }
        }
    }
}

fn flag(set: bool, bit: u32) -> u32 {
    if set { bit } else { 0 }
}

fn amounts(slot: u32) -> u64 {
    let bit = |bit: u32| u64::from(slot & bit != 0);
    bit(SLOW) << 32 | bit(FAILED) << 16 | bit(USED)
}

fn count(sums: u64) -> u32 {
    narrow((sums & 0xFFFF).saturating_sub(BIAS))
}

/// Failures in a row: 32 bits of the generation, 32 of the count.
pub(super) struct Streak(AtomicU64);

impl Streak {
    cells! {
        pub(super) fn new() -> Self {
            Self(AtomicU64::new(0))
        }
    }

    /// Counts a call and tells the length of the streak; `None` if its generation is over.
    pub(super) fn record(&self, failed: bool, generation: u32, current: impl Fn() -> bool) -> Option<u32> {
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
