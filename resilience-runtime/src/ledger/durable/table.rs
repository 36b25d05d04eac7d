//! What this process runs, and what is not on disk yet. Everything else is in the store alone.

use std::sync::Arc;

use tokio::sync::Notify;

use super::clock::Clock;
use super::recent::Recent;
use super::row;
use super::store::Batch;
use crate::key::IdempotencyKey;
use crate::ledger::LedgerError;
use crate::ledger::key_map::KeyMap;
use crate::ledger::record::{Record, State};

/// A part of the table.
#[derive(Default)]
pub(super) struct Part {
    pub(super) slots: KeyMap<Slot>,
    pub(super) recent: Recent,
    /// Keys that have no slot, or had none, and are being read from the store.
    reads: KeyMap<Reads>,
}

#[derive(Default)]
struct Reads {
    under_way: usize,
    /// Slots of the key that were removed meanwhile.
    removals: u64,
}

impl Part {
    /// Somebody begins to read a record from the store, for the first time or once more. Gives the removals so far.
    pub(super) fn begin_read(&mut self, key: IdempotencyKey, first: bool) -> u64 {
        let reads = self.reads.entry(key).or_default();
        reads.under_way += usize::from(first);
        reads.removals
    }

    pub(super) fn end_read(&mut self, key: IdempotencyKey) {
        if let Some(reads) = self.reads.get_mut(&key) {
            reads.under_way -= 1;
            if reads.under_way == 0 {
                self.reads.remove(&key);
            }
        }
    }

    /// Since somebody began to read.
    pub(super) fn removals(&self, key: IdempotencyKey) -> u64 {
        self.reads.get(&key).map_or(0, |reads| reads.removals)
    }

    /// From here on the store has the record as it is.
    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        if let Some(mut slot) = self.slots.remove(&key) {
            slot.wake();
            if let Some(record) = slot.record {
                self.recent.keep(key, Box::new(record));
            }
        }
        if let Some(reads) = self.reads.get_mut(&key) {
            reads.removals += 1;
        }
    }

    /// Nothing is left of what came and went.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.reads.is_empty()
    }
}

pub(super) struct Slot {
    /// Nothing: it is being removed.
    pub(super) record: Option<Record>,
    /// The store may list it as unfinished.
    listed: bool,
    /// How often it has changed.
    changes: u64,
    /// It waits for the writer already.
    pub(super) queued: bool,
    /// Woken when the claim has ended, and a result is on disk.
    waiters: Option<Arc<Notify>>,
}

impl Slot {
    pub(super) fn new(listed: bool) -> Self {
        Self { record: None, listed, changes: 0, queued: false, waiters: None }
    }

    /// Its record has changed. Only a result has to be on disk before somebody gets it.
    pub(super) fn changed(&mut self) {
        self.changes += 1;
        if !matches!(&self.record, Some(Record { state: State::Done(_), .. })) {
            self.wake();
        }
    }

    pub(super) fn waiters(&mut self) -> Arc<Notify> {
        Arc::clone(self.waiters.get_or_insert_default())
    }

    pub(super) fn wake(&mut self) {
        if let Some(waiters) = self.waiters.take() {
            waiters.notify_waiters();
        }
    }

    fn is_running(&self) -> bool {
        matches!(&self.record, Some(Record { state: State::Running { .. }, .. }))
    }

    /// Somebody relies on it as soon as it is written: a result, an operator's decision, a claim that must not be made
    /// twice.
    fn must_last(&self) -> bool {
        match &self.record {
            Some(record) => match record.state {
                State::Done(_) => true,
                State::Running { .. } => record.at_most_once,
                State::InDoubt | State::Released => false,
            },
            None => true,
        }
    }

    /// Writes what it is by now, whatever it was in between. Gives the change that is written so.
    pub(super) fn write(
        &mut self,
        key: IdempotencyKey,
        batch: &mut Batch<'_>,
        clock: &Clock,
    ) -> Result<u64, LedgerError> {
        self.queued = false;
        batch.lasts |= self.must_last();
        let unfinished = match &self.record {
            Some(record) => {
                batch.put(key, row::encode(record, clock)?);
                let unfinished = matches!(record.state, State::Running { .. } | State::InDoubt);
                unfinished.then(|| row::expiry(record, clock))
            }
            None => {
                batch.remove(key);
                None
            }
        };
        match unfinished {
            Some(expiry) => batch.begin(key, expiry),
            None if self.listed => batch.end(key),
            None => {}
        }
        self.listed = unfinished.is_some();
        Ok(self.changes)
    }

    /// After the write of this change: the store can speak for it alone.
    pub(super) fn is_settled(&self, change: u64) -> bool {
        self.changes == change && !self.is_running()
    }
}
