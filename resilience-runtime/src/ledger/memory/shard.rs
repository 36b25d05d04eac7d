//! The records of one shard, and the orders in which they go.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

use crate::key::IdempotencyKey;
use crate::ledger::record::{Record, State};
use crate::ledger::shards::KeyMap;
use crate::ledger::{Claimed, Request};
use crate::time::Tick;

/// What one operation clears away at most.
const SWEEP: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    pub(super) records: KeyMap<Slot>,
    /// Results in the order of their completion.
    pub(super) results: Order,
    /// What may be run again, in the order in which it became so. Only its attempt and its fingerprint are lost with it.
    pub(super) spare: Order,
    /// What is forgotten when.
    pub(super) expiry: Order,
}

/// Keys by a moment; the fence of the claim tells those of one moment apart.
pub(super) type Order = BTreeMap<(Tick, u64), IdempotencyKey>;

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

impl Shard {
    pub(super) fn record(&self, key: IdempotencyKey) -> Option<&Record> {
        self.records.get(&key).map(|slot| &slot.record)
    }

    /// Changes a record, and the orders with it.
    pub(super) fn change<T>(
        &mut self,
        key: IdempotencyKey,
        change: impl FnOnce(&mut Record) -> T,
    ) -> Option<T> {
        self.unlink(key);
        let slot = self.records.get_mut(&key)?;
        let answer = change(&mut slot.record);
        let record = &slot.record;
        if let Some(end) = record.expires {
            let order =
                if matches!(record.state, State::Done(_)) { &mut self.results } else { &mut self.spare };
            order.insert((record.since, record.fence), key);
            self.expiry.insert((end, record.fence), key);
        }
        if !matches!(record.state, State::Running { .. }) {
            slot.wake();
        }
        Some(answer)
    }

    /// Takes a record out of the orders.
    fn unlink(&mut self, key: IdempotencyKey) {
        let Some(record) = self.record(key) else { return };
        if let (Some(end), since, fence) = (record.expires, record.since, record.fence) {
            self.expiry.remove(&(end, fence));
            self.results.remove(&(since, fence));
            self.spare.remove(&(since, fence));
        }
    }

    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        self.unlink(key);
        if let Some(mut slot) = self.records.remove(&key) {
            slot.wake();
        }
    }

    /// Clears some of what has expired, and `key` if it has.
    pub(super) fn sweep(&mut self, key: IdempotencyKey, now: Tick) {
        if self.record(key).is_some_and(|record| record.has_expired(now)) {
            self.remove(key);
        }
        for _ in 0..SWEEP {
            match self.expiry.first_key_value() {
                Some(((end, _), &key)) if *end <= now => self.remove(key),
                _ => return,
            }
        }
    }

    /// Lets the oldest go, of results and of what may be run again. Says how many results went.
    pub(super) fn evict(&mut self, capacity: usize) -> u64 {
        while self.spare.len() > capacity {
            let Some((_, key)) = self.spare.pop_first() else { break };
            self.remove(key);
        }
        let mut evicted = 0;
        while self.results.len() > capacity {
            let Some((_, key)) = self.results.pop_first() else { break };
            self.remove(key);
            evicted += 1;
        }
        evicted
    }

    pub(super) fn claim(&mut self, request: &Request<'_>, fence: &AtomicU64, now: Tick) -> Claimed {
        self.sweep(request.key, now);
        let mut attempt = 1;
        if let Some(record) = self.record(request.key) {
            if let Some(answer) = record.answer(request, now) {
                return answer;
            }
            attempt = record.attempt.saturating_add(1);
        }
        let fence = fence.fetch_add(1, Ordering::Relaxed) + 1;
        self.unlink(request.key);
        let slot = Slot { record: Record::granted(request, fence, attempt, now), waiters: None };
        // Those who waited for a claim that has lapsed look again at the new one.
        if let Some(mut old) = self.records.insert(request.key, slot) {
            old.wake();
        }
        Claimed::Granted { fence }
    }
}
