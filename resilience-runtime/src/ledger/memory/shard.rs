//! The records of one shard, and the order in which they go.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::lines::{Kind, Lines, Place};
use crate::key::IdempotencyKey;
use crate::ledger::record::{Record, State};
use crate::ledger::shards::KeyMap;
use crate::ledger::{Claimed, Request};
use crate::time::Tick;

/// What one operation clears away at most.
const SWEEP: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    /// Boxed, so that a map that grows moves little.
    pub(super) records: KeyMap<Box<Slot>>,
    pub(super) settled: Lines,
    /// The last one given out. A key is always in the same shard, so a fence rises also over a record that was removed.
    fence: u64,
    /// Results that were let go because there was no room.
    pub(super) evicted: u64,
}

pub(super) struct Slot {
    pub(super) record: Record,
    /// Woken when the claim ends.
    pub(super) waiters: Option<Arc<Notify>>,
}

impl Slot {
    fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }
}

/// Where a record waits to be forgotten, if it does.
fn place(record: &Record) -> Option<(Kind, Duration, Place)> {
    let kind = if matches!(record.state, State::Done(_)) { Kind::Result } else { Kind::Spare };
    let ttl = record.expires?.since(record.since);
    Some((kind, ttl, Place { key: record.key, fence: record.fence, since: record.since }))
}

/// The record is still what it was when it took its place.
fn is_taken(records: &KeyMap<Box<Slot>>) -> impl Fn(Kind, &Place) -> bool {
    |kind, taken| {
        let now = records.get(&taken.key).and_then(|slot| place(&slot.record));
        now.is_some_and(|(now_kind, _, now)| now_kind == kind && now == *taken)
    }
}

impl Shard {
    pub(super) fn record(&self, key: IdempotencyKey) -> Option<&Record> {
        self.records.get(&key).map(|slot| &slot.record)
    }

    /// Changes a record, and its place with it.
    pub(super) fn change<T>(
        &mut self,
        key: IdempotencyKey,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        let slot = self.records.get_mut(&key)?;
        let before = place(&slot.record);
        let answer = change(&mut slot.record);
        let after = place(&slot.record);
        if !matches!(slot.record.state, State::Running { .. }) {
            slot.wake();
        }
        if before != after {
            self.move_on(before);
            if let Some((kind, ttl, place)) = after {
                self.settled.join(kind, ttl, place);
            }
        }
        Some(answer)
    }

    fn move_on(&mut self, from: Option<(Kind, Duration, Place)>) {
        if let Some((kind, ttl, _)) = from {
            self.settled.leave(kind, ttl, is_taken(&self.records));
        }
    }

    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        if let Some(mut slot) = self.records.remove(&key) {
            slot.wake();
            self.move_on(place(&slot.record));
        }
    }

    /// Clears some of what has expired, and `key` if it has.
    pub(super) fn sweep(&mut self, key: IdempotencyKey, now: Tick) {
        if self.record(key).is_some_and(|record| record.has_expired(now)) {
            self.remove(key);
        }
        for _ in 0..SWEEP {
            let Some(key) = self.settled.expired(now, is_taken(&self.records)) else { return };
            self.remove(key);
        }
    }

    /// Lets the oldest go, of results and of what may be run again.
    pub(super) fn evict(&mut self, capacity: usize) {
        for kind in [Kind::Spare, Kind::Result] {
            while self.settled.count(kind) > capacity
                && let Some(key) = self.settled.oldest(kind, is_taken(&self.records))
            {
                self.remove(key);
                self.evicted += u64::from(kind == Kind::Result);
            }
        }
    }

    pub(super) fn claim(&mut self, request: &Request<'_>, now: Tick) -> Claimed {
        let mut attempt = 1;
        if let Some(record) = self.record(request.key).filter(|record| !record.has_expired(now)) {
            if let Some(answer) = record.answer(request, now) {
                return answer;
            }
            attempt = record.attempt.saturating_add(1);
        }
        // Only what makes the map grow clears away.
        self.sweep(request.key, now);
        self.fence += 1;
        let fence = self.fence;
        let slot = Slot { record: Record::granted(request, fence, attempt, now), waiters: None };
        // Those who waited for a claim that has lapsed look again at the new one.
        if let Some(mut old) = self.records.insert(request.key, Box::new(slot)) {
            old.wake();
            self.move_on(place(&old.record));
        }
        Claimed::Granted { fence }
    }
}
