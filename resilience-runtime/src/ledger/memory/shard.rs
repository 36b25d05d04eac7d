//! What becomes of the records of one shard, and when they go.

use super::lines::{Kind, Lines, standing};
use super::records::{Number, Record, Records, Slot};
use crate::key::{IdempotencyKey, KeptName};
use crate::ledger::record::State;
use crate::ledger::{Body, Claimed, Request};
use crate::time::Tick;

/// What one operation clears away at most.
const SWEEP: usize = 64;

/// What a shard keeps at most.
#[derive(Clone, Copy)]
pub(super) struct Limits {
    /// Results; apart from them, what may be run again; and operations under `at_most_once` that run or are in doubt.
    pub(super) records: usize,
    /// Of all records.
    pub(super) bytes: usize,
}

/// What the records of a shard take.
#[derive(Clone, Copy, Default, PartialEq)]
struct Load {
    bytes: usize,
    /// Of those that must not go: they run, or wait for an operator.
    held_bytes: usize,
    /// Those of them that nobody but an operator may end, if their call does not.
    undecided: usize,
}

impl Load {
    fn add(&mut self, record: &Record) {
        self.bytes += record.size();
        if standing(record).is_none() {
            self.held_bytes += record.size();
            self.undecided += usize::from(record.at_most_once);
        }
    }

    fn remove(&mut self, record: &Record) {
        self.bytes -= record.size();
        if standing(record).is_none() {
            self.held_bytes -= record.size();
            self.undecided -= usize::from(record.at_most_once);
        }
    }
}

/// There is no room for a claim.
#[derive(Debug)]
pub(super) struct Full;

pub(super) struct Shard {
    pub(super) records: Records,
    pub(super) settled: Lines,
    /// The last one given out. A key is always in the same shard, so a fence rises also over a record that was removed.
    fence: u64,
    /// From one fence to the next: by the rest, each tells whose it is.
    step: u64,
    /// Results that were let go because there was no room.
    pub(super) evicted: u64,
    limits: Limits,
    load: Load,
}

impl Shard {
    /// One of `count`.
    pub(super) fn new(number: usize, count: usize, limits: Limits) -> Self {
        let (records, settled, load) = Default::default();
        Self { records, settled, fence: number as u64, step: count as u64, evicted: 0, limits, load }
    }

    /// Changes a record, and its place in line with it. Others go where there is no room for it.
    pub(super) fn change<T>(&mut self, number: Number, change: impl FnOnce(&mut Record) -> T) -> T {
        let slot = &mut self.records[number];
        let before = standing(&slot.record);
        self.load.remove(&slot.record);
        let answer = change(&mut slot.record);
        self.load.add(&slot.record);
        let moves = standing(&slot.record) != before;
        if !slot.record.is_running() {
            slot.wake();
            self.records.ends(number);
        }
        if moves {
            self.settled.leave(&mut self.records, number);
            self.settled.join(&mut self.records, number);
        }
        // Also if all the others went.
        if self.load.held_bytes + self.records[number].record.size() > self.limits.bytes {
            self.empty(number);
        }
        self.evict(Some(number));
        answer
    }

    pub(super) fn remove(&mut self, number: Number) {
        self.records[number].wake();
        self.load.remove(&self.records[number].record);
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

    /// Lets the oldest go, of results and of what may be run again. A record that has just changed is spared by the bound in
    /// bytes: it would be forgotten while its caller still hears that it is kept.
    fn evict(&mut self, changed: Option<Number>) {
        for kind in [Kind::Spare, Kind::Result] {
            while self.settled.count(kind) > self.limits.records
                && let Some(number) = self.settled.oldest(Some(kind))
            {
                self.let_go(number);
            }
        }
        while self.load.bytes > self.limits.bytes
            && let Some(number) = self.settled.oldest(None).filter(|oldest| Some(*oldest) != changed)
        {
            self.let_go(number);
        }
    }

    /// There is no room for its result: the record stays, and says that its result is not kept.
    fn empty(&mut self, number: Number) {
        let record = &mut self.records[number].record;
        self.load.remove(record);
        if let State::Done(stored) = &mut record.state {
            stored.body = Body::NotKept;
            self.evicted += 1;
        }
        self.load.add(record);
    }

    fn let_go(&mut self, number: Number) {
        self.evicted += u64::from(matches!(self.records[number].record.state, State::Done(_)));
        self.remove(number);
    }

    /// Whether it is as its records are.
    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        let mut load = Load::default();
        self.records.iter().for_each(|slot| load.add(&slot.record));
        self.records.is_sound() && self.load == load
    }

    /// The bytes of all records.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.load.bytes
    }

    #[inline]
    pub(super) fn claim(&mut self, request: &Request<'_>, hash: u64, now: Tick) -> Result<Claimed, Full> {
        let found = self.live(self.records.named(request.site, &request.name, hash), now);
        let mut attempt = 1;
        if let Some(number) = found {
            let record = &self.records[number].record;
            if let Some(answer) = record.answer(request, now) {
                return Ok(answer);
            }
            attempt = record.attempt.saturating_add(1);
        }
        // Only what makes the map grow clears away.
        self.sweep(now);
        let fence = self.fence + self.step;
        let record = Record::granted(request, KeptName::of(&request.name), fence, attempt, now);
        let mut load = self.load;
        if let Some(number) = found {
            load.remove(&self.records[number].record);
        }
        load.add(&record);
        let is_full = load.held_bytes > self.limits.bytes
            || request.at_most_once && load.undecided > self.limits.records;
        if is_full {
            return Err(Full);
        }
        (self.fence, self.load) = (fence, load);
        let slot = Slot::of(record, hash);
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
        self.evict(None);
        Ok(Claimed::Granted { fence })
    }
}
