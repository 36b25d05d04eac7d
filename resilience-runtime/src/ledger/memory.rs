//! The ledger in memory: for tests, for one process, and for what may be forgotten with it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::{Body, Claimed, Entry, EntryState, Hold, Ledger, Reply, Request, Stored, Written};
use crate::event::{Decision, Event, emit};
use crate::key::IdempotencyKey;
use crate::time::{self, Instant};

/// Results that are kept at most, unless the builder says otherwise.
pub(crate) const USUAL_CAPACITY: usize = 100_000;
const SHARDS: usize = 64;
/// Below this a single shard keeps the order of eviction exact.
const SMALL: usize = 4_096;
/// What one operation clears away at most.
const SWEEP: usize = 64;

/// A sharded map. No lock is held over an await.
pub(crate) struct MemoryLedger {
    shards: Box<[Mutex<Shard>]>,
    /// Results per shard.
    capacity: usize,
    /// One counter for all keys, so that a fence rises also over a record that was removed.
    fence: AtomicU64,
    evicted: AtomicU64,
}

#[derive(Default)]
struct Shard {
    records: HashMap<IdempotencyKey, Record, BuildHasherDefault<FirstBytes>>,
    /// Results in the order of their completion, by the fence of their claim.
    results: BTreeMap<(Instant, u64), IdempotencyKey>,
    /// What ends when. An entry whose record has changed since is void.
    expiry: BinaryHeap<Reverse<(Instant, IdempotencyKey)>>,
}

struct Record {
    request: Arc<Request>,
    state: State,
    fence: u64,
    attempt: u32,
    /// Since when it is in its state.
    since: Instant,
    /// When it is forgotten; never, while it runs or waits for an operator.
    expires: Option<Instant>,
    /// Woken when the claim ends.
    waiters: Option<Arc<Notify>>,
}

enum State {
    Running { until: Instant },
    InDoubt,
    Released,
    Done(Arc<Stored>),
}

/// The keys are hashes already.
#[derive(Default)]
struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {}
}

impl Record {
    fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }

    fn is_held_by(&self, hold: Hold) -> bool {
        self.fence == hold.fence && self.request.owner == hold.owner
    }

    fn entry(&self, now: Instant) -> Entry {
        Entry {
            key: self.request.key,
            site: self.request.site.to_owned(),
            text: self.request.text.clone(),
            state: match &self.state {
                State::Running { until } if *until > now => EntryState::Running,
                State::Running { .. } | State::InDoubt => EntryState::InDoubt,
                State::Released => EntryState::Released,
                State::Done(stored) if stored.body == Body::NotKept => EntryState::ResultNotKept,
                State::Done(_) => EntryState::Done,
            },
            fence: self.fence,
            attempt: self.attempt,
            age: now.saturating_duration_since(self.since),
        }
    }
}

impl Shard {
    /// Changes the state of a record, and the two orders with it.
    fn settle(&mut self, key: IdempotencyKey, state: State, ttl: Option<Duration>, now: Instant) {
        let Some(record) = self.records.get_mut(&key) else { return };
        if matches!(state, State::Done(_)) {
            self.results.insert((now, record.fence), key);
        }
        record.expires = ttl.and_then(|ttl| now.checked_add(ttl));
        if let Some(end) = record.expires {
            self.expiry.push(Reverse((end, key)));
        }
        record.state = state;
        record.since = now;
        record.wake();
    }

    fn remove(&mut self, key: IdempotencyKey) {
        if let Some(mut record) = self.records.remove(&key) {
            self.results.remove(&(record.since, record.fence));
            record.wake();
        }
    }

    /// Clears some of what has expired, and `key` if it has.
    fn sweep(&mut self, key: IdempotencyKey, now: Instant) {
        self.expire(key, now);
        for _ in 0..SWEEP {
            match self.expiry.peek() {
                Some(Reverse((end, _))) if *end <= now => {}
                _ => return,
            }
            let Some(Reverse((_, key))) = self.expiry.pop() else { return };
            self.expire(key, now);
        }
    }

    fn expire(&mut self, key: IdempotencyKey, now: Instant) {
        if self.records.get(&key).and_then(|record| record.expires).is_some_and(|end| end <= now) {
            self.remove(key);
        }
    }

    /// Lets the oldest results go.
    fn evict(&mut self, capacity: usize) -> u64 {
        let mut evicted = 0;
        while self.results.len() > capacity {
            let Some((_, key)) = self.results.pop_first() else { break };
            self.remove(key);
            evicted += 1;
        }
        evicted
    }

    fn claim(&mut self, request: &Arc<Request>, fence: &AtomicU64, now: Instant) -> Claimed {
        self.sweep(request.key, now);
        let mut attempt = 1;
        if let Some(record) = self.records.get(&request.key) {
            if record.request.fingerprint != request.fingerprint {
                return Claimed::Mismatch;
            }
            match &record.state {
                State::Done(stored) => return Claimed::Done(Arc::clone(stored)),
                State::Running { until } if *until > now => {
                    if record.request.owner == request.owner {
                        return Claimed::Granted { fence: record.fence };
                    }
                    return Claimed::Running { fence: record.fence, left: *until - now };
                }
                State::InDoubt | State::Running { .. } if record.request.at_most_once => {
                    return Claimed::InDoubt;
                }
                State::Running { .. } | State::InDoubt | State::Released => {
                    attempt = record.attempt.saturating_add(1)
                }
            }
        }
        let fence = fence.fetch_add(1, Ordering::Relaxed) + 1;
        let until = now + request.lease;
        let state = State::Running { until };
        let record = Record {
            request: Arc::clone(request),
            state,
            fence,
            attempt,
            since: now,
            expires: None,
            waiters: None,
        };
        // Those who waited for a claim that has lapsed look again at the new one.
        if let Some(mut old) = self.records.insert(request.key, record) {
            old.wake();
        }
        Claimed::Granted { fence }
    }
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
                record.state = State::Running { until: now + lease };
            }
        }))
    }

    fn complete(&self, hold: Hold, result: Arc<Stored>, ttl: Duration) -> Reply<'_, Written> {
        ready(self.write(hold, |shard, now| {
            shard.settle(hold.key, State::Done(result), Some(ttl), now);
            let evicted = shard.evict(self.capacity);
            if evicted > 0 && self.evicted.fetch_add(evicted, Ordering::Relaxed) == 0 {
                let site = shard.records.get(&hold.key).map_or("", |record| record.request.site);
                emit(&Event { site, decision: Decision::Evicted });
            }
        }))
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        ready(self.write(hold, |shard, now| {
            let ttl = shard.records.get(&hold.key).map(|record| record.request.ttl);
            shard.settle(hold.key, State::Released, ttl, now);
        }))
    }

    fn abandon(&self, hold: Hold) {
        self.write(hold, |shard, now| {
            // What waits for an operator waits for as long as it takes.
            let request = shard.records.get(&hold.key).map(|record| Arc::clone(&record.request));
            let ttl = request.filter(|request| !request.at_most_once).map(|request| request.ttl);
            shard.settle(hold.key, State::InDoubt, ttl, now);
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
            let entries = shard.records.values().map(|record| record.entry(now));
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
        let doubtful =
            |record: &&Record| record.fence == fence && record.entry(now).state == EntryState::InDoubt;
        let found = shard.records.get(&key).filter(doubtful).map(|record| Arc::clone(&record.request));
        if let Some(request) = &found {
            let result = Stored { version: request.version, body };
            shard.settle(key, State::Done(Arc::new(result)), Some(request.ttl), now);
        }
        ready(found.is_some())
    }
}
