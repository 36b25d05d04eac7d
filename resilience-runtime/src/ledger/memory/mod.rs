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
use shard::{Full, Limits, Shard};

use super::record::{Change, State};
use super::shards::Shards;
use super::{
    Body, Claimed, Entry, EntryState, Hold, Ledger, LedgerError, Reply, Request, Stored, Written, called,
    oldest,
};
use crate::event::{Decision, Event, emit};
use crate::key::{IdempotencyKey, Name};
use crate::time::Tick;

/// Results that are kept at most, unless the builder says otherwise.
pub(crate) const USUAL_CAPACITY: usize = 100_000;
/// Bytes that they and all other records take at most, unless the builder says otherwise.
pub(crate) const USUAL_BYTES: usize = 256 << 20;
/// The least that is of use: room for the longest results.
pub(crate) const LEAST_BYTES: usize = 1 << 20;
/// Below one of these a single shard keeps the order of eviction exact, and has room for the longest results.
const SMALL: usize = 4_096;
const SMALL_BYTES: usize = Shards::<Shard>::USUAL * LEAST_BYTES;

const FULL: &str = "the ledger in memory is full: what runs and what is in doubt is never forgotten; resolve or forget what is \
                    in doubt, or raise `memory_capacity` or `memory_bytes` of the runtime's builder";

/// Records in a map, and the orders in which they go.
pub(crate) struct MemoryLedger {
    /// A claim finds the one of its operation by the name, which costs less than the key; who comes after the claim finds
    /// it by the fence.
    shards: Shards<Shard>,
    /// The seed of their hashes: nobody can choose names that all fall into one bucket.
    names: RandomState,
    /// It has said that results go.
    told_of_evicted: AtomicBool,
    /// It has said that it takes no claim.
    told_of_full: AtomicBool,
}

impl MemoryLedger {
    /// So many results, and so many bytes in all.
    pub(crate) fn new(capacity: usize, bytes: usize) -> Self {
        let is_small = capacity < SMALL || bytes < SMALL_BYTES;
        let shards = if is_small { 1 } else { Shards::<Shard>::USUAL };
        let limits = Limits { records: capacity.div_ceil(shards), bytes: bytes / shards };
        Self {
            shards: Shards::new(shards, |number| Shard::new(number, shards, limits)),
            names: RandomState::default(),
            told_of_evicted: AtomicBool::new(false),
            told_of_full: AtomicBool::new(false),
        }
    }

    /// Says for the first time that results go. Under no lock: whoever is told may ask this ledger.
    fn tell_of_evicted(&self, site: &str) {
        if !self.told_of_evicted.swap(true, Ordering::Relaxed) {
            emit(&Event { site, decision: Decision::Evicted });
        }
    }

    /// The same of claims that it does not take.
    fn tell_of_full(&self, site: &str) {
        if !self.told_of_full.swap(true, Ordering::Relaxed) {
            emit(&Event { site, decision: Decision::LedgerFull });
        }
    }

    /// Changes a record.
    fn change<T>(
        &self,
        mut shard: MutexGuard<'_, Shard>,
        number: Number,
        change: impl FnOnce(&mut Record) -> T,
    ) -> T {
        let before = shard.evicted;
        let answer = shard.change(number, change);
        // The counts of the shards are looked at first: a place where all threads meet costs more.
        if before == 0 && shard.evicted > 0 {
            let slot = shard.records.get(number);
            let site = slot.map_or(Cow::Borrowed(""), |slot| slot.record.site.clone());
            drop(shard);
            self.tell_of_evicted(&site);
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
        let mut shard = self.shards.at(request.name.number());
        let before = shard.evicted;
        let claimed = shard.claim(request, hash, Tick::now());
        let evicts = before == 0 && shard.evicted > 0;
        drop(shard);
        if evicts {
            self.tell_of_evicted(request.site);
        }
        Reply::now(claimed.map_err(|Full| {
            self.tell_of_full(request.site);
            LedgerError::unsent(FULL)
        }))
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
