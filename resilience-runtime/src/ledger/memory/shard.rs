//! The records of one shard, and the orders in which they go.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

use crate::key::IdempotencyKey;
use crate::ledger::{Body, Claimed, Entry, EntryState, Hold, Request, Stored, later};
use crate::time::Instant;

/// What one operation clears away at most.
const SWEEP: usize = 64;

#[derive(Default)]
pub(super) struct Shard {
    pub(super) records: HashMap<IdempotencyKey, Record, BuildHasherDefault<FirstBytes>>,
    /// Results in the order of their completion.
    pub(super) results: Order,
    /// What may be run again, in the order in which it became so. Only its attempt and its fingerprint are lost with it.
    pub(super) spare: Order,
    /// What is forgotten when.
    pub(super) expiry: Order,
}

/// Keys by a moment; the fence of the claim tells those of one moment apart.
pub(super) type Order = BTreeMap<(Instant, u64), IdempotencyKey>;

pub(super) struct Record {
    pub(super) request: Arc<Request>,
    pub(super) state: State,
    pub(super) fence: u64,
    attempt: u32,
    /// Since when it is in its state.
    since: Instant,
    /// When it is forgotten; never, while it runs or waits for an operator.
    expires: Option<Instant>,
    /// Woken when the claim ends.
    pub(super) waiters: Option<Arc<Notify>>,
}

pub(super) enum State {
    Running { until: Instant },
    InDoubt,
    Released,
    Done(Arc<Stored>),
}

/// The keys are hashes already.
#[derive(Default)]
pub(super) struct FirstBytes(u64);

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
    pub(super) fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }

    pub(super) fn is_held_by(&self, hold: Hold) -> bool {
        self.fence == hold.fence && self.request.owner == hold.owner
    }

    pub(super) fn has_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|end| end <= now)
    }

    pub(super) fn entry(&self, now: Instant) -> Entry {
        // A claim that has lapsed is in doubt since then.
        let since = match self.state {
            State::Running { until } if until <= now => until,
            _ => self.since,
        };
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
            age: now.saturating_duration_since(since),
        }
    }
}

impl Shard {
    /// Changes the state of a record, and the orders with it.
    pub(super) fn settle(&mut self, key: IdempotencyKey, state: State, ttl: Option<Duration>, now: Instant) {
        self.unlink(key);
        let Some(record) = self.records.get_mut(&key) else { return };
        record.expires = ttl.map(|ttl| later(now, ttl));
        record.state = state;
        record.since = now;
        record.wake();
        if let Some(end) = record.expires {
            let order =
                if matches!(record.state, State::Done(_)) { &mut self.results } else { &mut self.spare };
            order.insert((now, record.fence), key);
            self.expiry.insert((end, record.fence), key);
        }
    }

    /// Takes a record out of the orders.
    fn unlink(&mut self, key: IdempotencyKey) {
        let Some(record) = self.records.get(&key) else { return };
        if let Some(end) = record.expires {
            self.expiry.remove(&(end, record.fence));
            self.results.remove(&(record.since, record.fence));
            self.spare.remove(&(record.since, record.fence));
        }
    }

    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        self.unlink(key);
        if let Some(mut record) = self.records.remove(&key) {
            record.wake();
        }
    }

    /// Clears some of what has expired, and `key` if it has.
    pub(super) fn sweep(&mut self, key: IdempotencyKey, now: Instant) {
        if self.records.get(&key).is_some_and(|record| record.has_expired(now)) {
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

    pub(super) fn claim(&mut self, request: &Arc<Request>, fence: &AtomicU64, now: Instant) -> Claimed {
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
                    attempt = record.attempt.saturating_add(1);
                }
            }
        }
        let fence = fence.fetch_add(1, Ordering::Relaxed) + 1;
        let until = later(now, request.lease);
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
        self.unlink(request.key);
        // Those who waited for a claim that has lapsed look again at the new one.
        if let Some(mut old) = self.records.insert(request.key, record) {
            old.wake();
        }
        Claimed::Granted { fence }
    }
}
