//! What becomes of the records of one shard, and when they go.

use super::lines::{Kind, Lines, standing};
use super::records::{Number, Record, Records, Slot};
use crate::key::{IdempotencyKey, KeptName};
use crate::ledger::{Claimed, Request};
use crate::time::Tick;

/// What one operation clears away at most.
const SWEEP: usize = 64;

pub(super) struct Shard {
    pub(super) records: Records,
    pub(super) settled: Lines,
    /// The last one given out. A key is always in the same shard, so a fence rises also over a record that was removed.
    fence: u64,
    /// From one fence to the next: by the rest, each tells whose it is.
    step: u64,
    /// Results that were let go because there was no room.
    pub(super) evicted: u64,
}

impl Shard {
    /// One of `count`.
    pub(super) fn new(number: usize, count: usize) -> Self {
        let (records, settled) = Default::default();
        Self { records, settled, fence: number as u64, step: count as u64, evicted: 0 }
    }

    /// Changes a record, and its place in line with it.
    pub(super) fn change<T>(&mut self, number: Number, change: impl FnOnce(&mut Record) -> T) -> T {
        let slot = &mut self.records[number];
        let before = standing(&slot.record);
        let answer = change(&mut slot.record);
        let moves = standing(&slot.record) != before;
        if !slot.record.is_running() {
            slot.wake();
            self.records.ends(number);
        }
        if moves {
            self.settled.leave(&mut self.records, number);
            self.settled.join(&mut self.records, number);
        }
        answer
    }

    pub(super) fn remove(&mut self, number: Number) {
        self.records[number].wake();
        self.settled.leave(&mut self.records, number);
        self.records.remove(number);
    }

    /// What was found, unless it has expired: then it goes.
    #[inline]
    fn live(&mut self, found: Option<Number>, now: Tick) -> Option<Number> {
        let number = found?;
        if self.records[number].record.has_expired(now) {
            self.remove(number);
            return None;
        }
        Some(number)
    }

    /// The record of a key. Clears some of what has expired.
    pub(super) fn look(&mut self, key: IdempotencyKey, now: Tick) -> Option<Number> {
        let found = self.live(self.records.find(key), now);
        self.sweep(now);
        found
    }

    fn sweep(&mut self, now: Tick) {
        for _ in 0..SWEEP {
            let Some(number) = self.settled.expired(now) else { return };
            self.remove(number);
        }
    }

    /// Lets the oldest go, of results and of what may be run again.
    pub(super) fn evict(&mut self, capacity: usize) {
        for kind in [Kind::Spare, Kind::Result] {
            while self.settled.count(kind) > capacity
                && let Some(number) = self.settled.oldest(kind)
            {
                self.remove(number);
                self.evicted += u64::from(kind == Kind::Result);
            }
        }
    }

    #[inline]
    pub(super) fn claim(&mut self, request: &Request<'_>, hash: u64, now: Tick) -> Claimed {
        let found = self.live(self.records.named(request.site, &request.name, hash), now);
        let mut attempt = 1;
        if let Some(number) = found {
            let record = &self.records[number].record;
            if let Some(answer) = record.answer(request, now) {
                return answer;
            }
            attempt = record.attempt.saturating_add(1);
        }
        // Only what makes the map grow clears away.
        self.sweep(now);
        self.fence += self.step;
        let fence = self.fence;
        let slot = Slot::of(Record::granted(request, KeptName::of(&request.name), fence, attempt, now), hash);
        let number = match found {
            Some(number) => {
                self.settled.leave(&mut self.records, number);
                self.records.ends(number);
                // Those who waited for a claim that has lapsed look again at the new one.
                std::mem::replace(&mut self.records[number], slot).wake();
                number
            }
            None => self.records.add(slot),
        };
        self.records.runs(number);
        Claimed::Granted { fence }
    }
}
