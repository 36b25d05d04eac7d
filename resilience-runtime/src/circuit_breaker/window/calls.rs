//! The last calls.

use super::{Mark, Tally, narrow};
use crate::circuit_breaker::sync::{AtomicU32, AtomicU64, Ordering};

/// The last calls, one slot each.
pub(crate) struct CallWindow {
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
    pub(crate) fn new(calls: u32) -> Self {
        let slots = (0..calls).map(|_| AtomicU32::new(0)).collect();
        Self { slots, cursor: AtomicU64::new(0), sums: AtomicU64::new(EMPTY_SUMS) }
    }

    /// Counts a call and tells what the window holds now; `None` if its generation is over.
    pub(crate) fn record(&self, mark: Mark, generation: u32, current: impl Fn() -> bool) -> Option<Tally> {
        if mark == Mark::GOOD && self.sums.load(Ordering::Acquire) == self.full_of_successes(generation) {
            let total = narrow(self.slots.len() as u64);
            return Some(Tally { total, ..Tally::default() });
        }
        let turn = self.cursor.fetch_add(1, Ordering::Relaxed) % self.slots.len() as u64;
        let slot = &self.slots[usize::try_from(turn).unwrap_or(0)];
        let new = generation << FLAGS | USED | flag(mark.failed, FAILED) | flag(mark.slow, SLOW);
        let mut old = slot.load(Ordering::Acquire);
        loop {
            if !current() {
                return None;
            }
            // As a success over a success: a write would only take the line from the other threads.
            if old == new {
                break;
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

    /// The sums of a window that one more success would leave as it is. So nothing need be written: as long as all goes well, the
    /// threads only read.
    fn full_of_successes(&self, generation: u32) -> u64 {
        (u64::from(generation & 0xFFFF) << 48 | EMPTY_SUMS) + self.slots.len() as u64
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
            if next == sums {
                return Some(tally(sums));
            }
            match self.sums.compare_exchange_weak(sums, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(tally(next)),
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

fn tally(sums: u64) -> Tally {
    Tally { total: count(sums), failed: count(sums >> 16), slow: count(sums >> 32) }
}

fn count(sums: u64) -> u32 {
    narrow((sums & 0xFFFF).saturating_sub(BIAS))
}
