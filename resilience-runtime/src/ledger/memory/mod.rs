//! The ledger in memory: for tests, for one process, and for what may be forgotten with it.

mod shard;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shard::{Record, Shard, State};

use super::{Body, Claimed, Entry, EntryState, Hold, Ledger, Reply, Request, Stored, Written, later};
use crate::event::{Decision, Event, emit};
use crate::key::IdempotencyKey;
use crate::time::{self, Instant};

/// Results that are kept at most, unless the builder says otherwise.
pub(crate) const USUAL_CAPACITY: usize = 100_000;
const SHARDS: usize = 64;
/// Below this a single shard keeps the order of eviction exact.
const SMALL: usize = 4_096;

/// A sharded map. No lock is held over an await.
pub(crate) struct MemoryLedger {
    shards: Box<[Mutex<Shard>]>,
    /// Results per shard.
    capacity: usize,
    /// One counter for all keys, so that a fence rises also over a record that was removed.
    fence: AtomicU64,
    evicted: AtomicU64,
}

impl MemoryLedger {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = if capacity < SMALL { 1 } else { SHARDS };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            capacity: capacity.div_ceil(shards),
            fence: AtomicU64::new(0),
            evicted: AtomicU64::new(0),
        }
    }

    fn shard(&self, key: IdempotencyKey) -> MutexGuard<'_, Shard> {
        // The first bytes choose the bucket within the map, so the last one chooses the shard.
        let index = usize::from(key.as_bytes()[31]) % self.shards.len();
        self.shards[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles a record, and keeps the shard within its capacity.
    fn settle(
        &self,
        shard: &mut Shard,
        key: IdempotencyKey,
        state: State,
        ttl: Option<Duration>,
        now: Instant,
    ) {
        let site = shard.records.get(&key).map_or("", |record| record.request.site);
        shard.settle(key, state, ttl, now);
        let evicted = shard.evict(self.capacity);
        if evicted > 0 && self.evicted.fetch_add(evicted, Ordering::Relaxed) == 0 {
            emit(&Event { site, decision: Decision::Evicted });
        }
    }

    /// Changes the record of a claim, if that still stands.
    fn write(&self, hold: Hold, change: impl FnOnce(&mut Shard, Instant)) -> Written {
        let mut shard = self.shard(hold.key);
        match shard.records.get(&hold.key) {
            Some(record) if record.is_held_by(hold) => match record.state {
                State::Running { .. } => {
                    change(&mut shard, time::now());
                    Written::Yes
                }
                // The answer to a write was lost, and the write is sent again.
                State::Done(_) => Written::Yes,
                State::InDoubt | State::Released => Written::LeaseLost,
            },
            _ => Written::LeaseLost,
        }
    }

    /// Results that were let go because the ledger was full.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }
}

fn ready<'a, T: Send + 'a>(answer: T) -> Reply<'a, T> {
    Box::pin(std::future::ready(Ok(answer)))
}

impl Ledger for MemoryLedger {
    fn claim(&self, request: Arc<Request>) -> Reply<'_, Claimed> {
        ready(self.shard(request.key).claim(&request, &self.fence, time::now()))
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        ready(self.write(hold, |shard, now| {
            if let Some(record) = shard.records.get_mut(&hold.key) {
                record.state = State::Running { until: later(now, lease) };
            }
        }))
    }

    fn complete(&self, hold: Hold, result: Arc<Stored>, ttl: Duration) -> Reply<'_, Written> {
        ready(self.write(hold, |shard, now| {
            self.settle(shard, hold.key, State::Done(result), Some(ttl), now);
        }))
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        ready(self.write(hold, |shard, now| {
            let ttl = shard.records.get(&hold.key).map(|record| record.request.ttl);
            self.settle(shard, hold.key, State::Released, ttl, now);
        }))
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        self.write(hold, |shard, now| {
            let Some(request) = shard.records.get(&hold.key).map(|record| Arc::clone(&record.request)) else {
                return;
            };
            let state = if may_have_run { State::InDoubt } else { State::Released };
            // What waits for an operator waits for as long as it takes.
            let ttl = (!may_have_run || !request.at_most_once).then_some(request.ttl);
            self.settle(shard, hold.key, state, ttl, now);
        });
    }

    fn ended(&self, key: IdempotencyKey, fence: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut shard = self.shard(key);
        let waiters = match shard.records.get_mut(&key) {
            Some(record) if record.fence == fence && matches!(record.state, State::Running { .. }) => {
                Arc::clone(record.waiters.get_or_insert_default())
            }
            _ => return Box::pin(std::future::ready(())),
        };
        // Made under the lock, so that no end of the claim falls between the look and the wait.
        Box::pin(waiters.notified_owned())
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        let now = time::now();
        let mut found = Vec::new();
        for shard in &self.shards {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let live = shard.records.values().filter(|record| !record.has_expired(now));
            let entries = live.map(|record| record.entry(now));
            found.extend(entries.filter(|entry| entry.state == EntryState::InDoubt));
        }
        found.sort_by_key(|entry| Reverse(entry.age));
        found.truncate(most);
        ready(found)
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        let now = time::now();
        let mut shard = self.shard(key);
        shard.sweep(key, now);
        ready(shard.records.get(&key).map(|record| record.entry(now)))
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        let mut shard = self.shard(key);
        let now = time::now();
        shard.sweep(key, now);
        let idle = |record: &Record| record.fence == fence && record.entry(now).state != EntryState::Running;
        let found = shard.records.get(&key).is_some_and(idle);
        if found {
            shard.remove(key);
        }
        ready(found)
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        let mut shard = self.shard(key);
        let now = time::now();
        shard.sweep(key, now);
        let doubtful =
            |record: &&Record| record.fence == fence && record.entry(now).state == EntryState::InDoubt;
        let found = shard.records.get(&key).filter(doubtful).map(|record| Arc::clone(&record.request));
        if let Some(request) = &found {
            let result = Stored { version: request.version, body };
            self.settle(&mut shard, key, State::Done(Arc::new(result)), Some(request.ttl), now);
        }
        ready(found.is_some())
    }
}
