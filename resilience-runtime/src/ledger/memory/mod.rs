//! The ledger in memory: for tests, for one process, and for what may be forgotten with it.

mod lines;
mod records;
mod shard;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use foldhash::quality::RandomState;
use records::{Number, Record};
use shard::Shard;

use super::record::{Change, State};
use super::shards::Shards;
use super::{
    Body, Claimed, Entry, EntryState, Hold, Ledger, Reply, Request, Stored, Written, called, oldest,
};
use crate::event::{Decision, Event, emit};
use crate::key::{IdempotencyKey, Name};
use crate::time::Tick;

/// Results that are kept at most, unless the builder says otherwise.
pub(crate) const USUAL_CAPACITY: usize = 100_000;
/// Below this a single shard keeps the order of eviction exact.
const SMALL: usize = 4_096;

/// Records in a map, and the orders in which they go.
pub(crate) struct MemoryLedger {
    /// A claim finds the one of its operation by the name, which costs less than the key; who comes after the claim finds
    /// it by the fence.
    shards: Shards<Shard>,
    /// The seed of their hashes: nobody can choose names that all fall into one bucket.
    names: RandomState,
    /// Results per shard.
    capacity: usize,
    /// It has said that it is full.
    warned: AtomicBool,
}

impl MemoryLedger {
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = if capacity < SMALL { 1 } else { Shards::<Shard>::USUAL };
        Self {
            shards: Shards::new(shards, |number| Shard::new(number, shards)),
            names: RandomState::default(),
            capacity: capacity.div_ceil(shards),
            warned: AtomicBool::new(false),
        }
    }

    /// Changes a record, and keeps the shard within its capacity.
    fn change<T>(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        number: Number,
        change: impl FnOnce(&mut Record) -> T,
    ) -> T {
        let answer = shard.change(number, change);
        let before = shard.evicted;
        shard.evict(self.capacity);
        // The counts of the shards are looked at first: a place where all threads meet costs more.
        if before == 0 && shard.evicted > 0 && !self.warned.swap(true, Ordering::Relaxed) {
            let slot = shard.records.get(number);
            let site = slot.map_or(Cow::Borrowed(""), |slot| slot.record.site.clone());
            // Whoever is told may ask this ledger.
            drop(shard);
            emit(&Event { site: &site, decision: Decision::Evicted });
        }
        answer
    }

    /// Writes, if the claim still stands.
    fn write(&self, hold: Hold, change: Change) -> Written {
        let shard = self.shards.at(hold.fence);
        match shard.records.find(hold.key) {
            Some(number) => self.change(shard, number, |record| record.write(hold, change, Tick::now())),
            None => Written::LeaseLost,
        }
    }

    /// The result of this operation of a site, if there is one: what a claim would be answered.
    pub(crate) fn known(
        &self,
        site: &str,
        name: &Name<'_>,
        fingerprint: Option<&[u8; 32]>,
    ) -> Option<Stored> {
        let hash = self.names.hash_one(name);
        let shard = self.shards.at(name.number());
        let record = &shard.records[shard.records.named(site, name, hash)?].record;
        let State::Done(stored) = &record.state else { return None };
        let is_it = record.fingerprint.as_ref() == fingerprint && !record.has_expired(Tick::now());
        is_it.then(|| stored.clone())
    }

    fn entries(&self, now: Tick, wanted: impl Fn(&Record) -> bool) -> Vec<Entry> {
        let mut found = Vec::new();
        for shard in self.shards.iter() {
            let records = shard.records.iter().map(|slot| &slot.record);
            let live = records.filter(|record| !record.has_expired(now) && wanted(record));
            found.extend(live.map(|record| record.entry(now)));
        }
        found
    }

    /// Results that were let go because the ledger was full.
    pub(crate) fn evicted(&self) -> u64 {
        self.shards.iter().map(|shard| shard.evicted).sum()
    }
}

fn answer<'a, T>(answer: T) -> Reply<'a, T> {
    Reply::now(Ok(answer))
}

impl Ledger for MemoryLedger {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        let hash = self.names.hash_one(request.name);
        answer(self.shards.at(request.name.number()).claim(request, hash, Tick::now()))
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        answer(self.write(hold, Change::Renew { lease }))
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        answer(self.write(hold, Change::Complete { result, ttl }))
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        answer(self.write(hold, Change::Release))
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        self.write(hold, Change::Abandon { may_have_run });
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        let mut shard = self.shards.at(fence);
        let found = shard.records.find(key);
        let waiters = match found.map(|number| &mut shard.records[number]) {
            Some(slot) if slot.record.fence == fence && slot.record.is_running() => {
                Arc::clone(slot.waiters.get_or_insert_default())
            }
            _ => return Box::pin(std::future::ready(None)),
        };
        // Made under the lock, so that no end of the claim falls between the look and the wait.
        let woken = waiters.notified_owned();
        Box::pin(async {
            woken.await;
            None
        })
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        let now = Tick::now();
        answer(oldest(self.entries(now, |record| record.shown(now) == EntryState::InDoubt), most))
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        answer(oldest(self.entries(Tick::now(), |record| called(&record.text.to_string(), text)), most))
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        let now = Tick::now();
        let mut entries = self.shards.iter().filter_map(|mut shard| {
            let found = shard.look(key, now)?;
            Some(shard.records[found].record.entry(now))
        });
        answer(entries.next())
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        let mut shard = self.shards.at(fence);
        let now = Tick::now();
        let idle = |record: &Record| record.fence == fence && record.shown(now) != EntryState::Running;
        let found = shard.look(key, now).filter(|&number| idle(&shard.records[number].record));
        if let Some(number) = found {
            shard.remove(number);
        }
        answer(found.is_some())
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        let mut shard = self.shards.at(fence);
        let now = Tick::now();
        let doubtful = |record: &Record| record.fence == fence && record.shown(now) == EntryState::InDoubt;
        let found = shard.look(key, now).filter(|&number| doubtful(&shard.records[number].record));
        if let Some(number) = found {
            self.change(shard, number, |record| record.resolve(body, now));
        }
        answer(found.is_some())
    }
}
