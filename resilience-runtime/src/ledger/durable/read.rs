//! The record of one key: in the table, among those that were written of late, or else in the store. A read of the store takes as long as the disk does, so it
//! happens neither on a thread of an executor nor under a lock.

use std::sync::{Arc, MutexGuard};

use super::core::Core;
use super::table::Part;
use crate::key::IdempotencyKey;
use crate::ledger::record::Record;
use crate::ledger::{Entry, EntryState, LedgerError};
use crate::time::Tick;

/// Looks for a record.
pub(super) struct Read<'a> {
    core: &'a Arc<Core>,
    key: IdempotencyKey,
    stage: Stage,
}

/// How far the read of the store is. With the number of slots of the key that had been removed when it began.
enum Stage {
    New,
    Begun(u64),
    Read(u64, Option<Box<Record>>),
}

/// A record, and the lock under which nobody else changes it.
pub(super) struct Locked<'a> {
    pub(super) part: MutexGuard<'a, Part>,
    pub(super) key: IdempotencyKey,
    /// As the store has it, where nothing is known of it here.
    pub(super) kept: Option<Box<Record>>,
}

impl<'a> Read<'a> {
    pub(super) fn of(core: &'a Arc<Core>, key: IdempotencyKey) -> Self {
        Self { core, key, stage: Stage::New }
    }

    /// The record, if it is known here, or if what was read of it still holds. Else it is to be read from now on.
    ///
    /// A record changes in the store while it has a slot in the table, and the slot goes when the change is written. So
    /// where there was no slot before the read, there is none after it, and none was removed meanwhile, the store has what
    /// it had all the time.
    pub(super) fn look(&mut self) -> Result<Option<Locked<'a>>, LedgerError> {
        self.core.journal.check()?;
        let mut part = self.core.table.of(self.key);
        let stage = std::mem::replace(&mut self.stage, Stage::New);
        let is_new = matches!(stage, Stage::New);
        let kept = match stage {
            _ if part.slots.contains_key(&self.key) || part.recent.get(self.key).is_some() => None,
            Stage::Read(removals, kept) if removals == part.removals(self.key) => kept,
            _ => {
                self.stage = Stage::Begun(part.begin_read(self.key, is_new));
                return Ok(None);
            }
        };
        if !is_new {
            part.end_read(self.key);
        }
        Ok(Some(Locked { part, key: self.key, kept }))
    }

    /// The record. Reads on a thread that may be kept waiting.
    pub(super) async fn locked(mut self) -> Result<Locked<'a>, LedgerError> {
        loop {
            if let Some(locked) = self.look()? {
                return Ok(locked);
            }
            let kept = self.core.read(self.key).await?;
            self.has_read(kept);
        }
    }

    /// The same on such a thread.
    pub(super) fn locked_here(mut self) -> Result<Locked<'a>, LedgerError> {
        loop {
            if let Some(locked) = self.look()? {
                return Ok(locked);
            }
            let kept = self.core.kept(self.key)?;
            self.has_read(kept);
        }
    }

    fn has_read(&mut self, kept: Option<Box<Record>>) {
        if let Stage::Begun(removals) = self.stage {
            self.stage = Stage::Read(removals, kept);
        }
    }
}

impl Drop for Read<'_> {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::New) {
            self.core.table.of(self.key).end_read(self.key);
        }
    }
}

impl Locked<'_> {
    /// It is in the table, and may not be on disk yet.
    pub(super) fn is_here(&self) -> bool {
        self.part.slots.contains_key(&self.key)
    }

    /// The record, expired or not.
    pub(super) fn record(&self) -> Option<&Record> {
        match self.part.slots.get(&self.key) {
            Some(slot) => slot.record.as_ref(),
            None => self.part.recent.get(self.key).or(self.kept.as_deref()),
        }
    }

    /// The record as an operator sees it, if it is wanted.
    pub(super) fn entry(&self, now: Tick, wanted: impl Fn(&Record) -> bool) -> Option<Entry> {
        let record = self.record().filter(|record| !record.has_expired(now) && wanted(record));
        record.map(|record| match record.entry(now) {
            // On its way to the disk, as for everybody else.
            entry if self.is_here() && entry.result.is_some() => {
                Entry { state: EntryState::Running, result: None, ..entry }
            }
            entry => entry,
        })
    }
}
