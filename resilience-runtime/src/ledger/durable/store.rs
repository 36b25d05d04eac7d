//! What is on disk: the records, which of them have not ended, and the fences that were given out.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use fjall::compaction::filter::{
    CompactionFilter, CompactionFilterResult, Context, Factory, ItemAccessor, Verdict,
};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Slice};

use super::clock::Clock;
use super::row;
use crate::key::IdempotencyKey;
use crate::ledger::LedgerError;
use crate::time::Tick;

/// Records are small and their keys random: a table that fits into the cache is faster, and sooner read after a crash.
const MEMTABLE: u64 = 4 << 20;
const JOURNALS: u64 = 128 << 20;
const CACHE: u64 = 32 << 20;
const FENCES: &str = "fences";

pub(super) struct Store {
    database: Database,
    records: Keyspace,
    /// The keys of what runs or is in doubt, so that nobody has to look at every record for them.
    unfinished: Keyspace,
    counters: Keyspace,
}

impl From<fjall::Error> for LedgerError {
    fn from(error: fjall::Error) -> Self {
        Self(match error {
            fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => match error.kind()
            {
                // The system had nothing against it; the store did not find what it wrote.
                ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::InvalidData => {
                    format!("its files cannot be read: {error}")
                }
                _ => error.to_string(),
            },
            fjall::Error::Poisoned => "an earlier write has failed".to_owned(),
            fjall::Error::Locked => "another process has it open".to_owned(),
            other => format!("its files cannot be read: {other:?}"),
        })
    }
}

impl Store {
    pub(super) fn open(path: &Path, clock: Clock) -> Result<Self, LedgerError> {
        let expired: Arc<dyn Factory> = Arc::new(Expired(clock));
        let database = Database::builder(path)
            .worker_threads(1)
            .cache_size(CACHE)
            .max_journaling_size(JOURNALS)
            .manual_journal_persist(true)
            .with_compaction_filter_factories(Arc::new(move |keyspace| {
                (keyspace != "counters").then(|| Arc::clone(&expired))
            }))
            .open()?;
        let options = || KeyspaceCreateOptions::default().max_memtable_size(MEMTABLE);
        let (records, unfinished) =
            (database.keyspace("records", options)?, database.keyspace("unfinished", options)?);
        let counters = database.keyspace("counters", options)?;
        Ok(Self { database, records, unfinished, counters })
    }

    pub(super) fn get(&self, key: IdempotencyKey) -> Result<Option<Slice>, LedgerError> {
        Ok(self.records.get(key.as_bytes())?)
    }

    /// Every record.
    pub(super) fn records(&self) -> impl Iterator<Item = Result<(IdempotencyKey, Slice), LedgerError>> {
        pairs(&self.records)
    }

    /// The keys of what has not ended. A record may have ended or expired all the same.
    pub(super) fn unfinished(&self) -> impl Iterator<Item = Result<IdempotencyKey, LedgerError>> {
        pairs(&self.unfinished).map(|pair| pair.map(|(key, _)| key))
    }

    /// No fence above this one was ever given out.
    pub(super) fn fences(&self) -> Result<Option<u64>, LedgerError> {
        let bytes = self.counters.get(FENCES)?;
        Ok(bytes.and_then(|bytes| bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))))
    }

    pub(super) fn batch(&self) -> Batch<'_> {
        Batch { store: self, batch: self.database.batch() }
    }
}

fn pairs(keyspace: &Keyspace) -> impl Iterator<Item = Result<(IdempotencyKey, Slice), LedgerError>> + use<> {
    keyspace.iter().map(|guard| {
        let (key, value) = guard.into_inner()?;
        let key = key.first_chunk().ok_or_else(|| LedgerError("a key is damaged".to_owned()))?;
        Ok((IdempotencyKey::from_bytes(*key), value))
    })
}

/// Writes that are on disk together or not at all.
pub(super) struct Batch<'a> {
    store: &'a Store,
    batch: OwnedWriteBatch,
}

impl Batch<'_> {
    pub(super) fn put(&mut self, key: IdempotencyKey, row: Vec<u8>) {
        self.batch.insert(&self.store.records, *key.as_bytes(), row);
    }

    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        self.batch.remove(&self.store.records, *key.as_bytes());
    }

    pub(super) fn begin(&mut self, key: IdempotencyKey, expiry: u64) {
        self.batch.insert(&self.store.unfinished, *key.as_bytes(), expiry.to_le_bytes());
    }

    pub(super) fn end(&mut self, key: IdempotencyKey) {
        self.batch.remove(&self.store.unfinished, *key.as_bytes());
    }

    pub(super) fn reserve(&mut self, fences: u64) {
        self.batch.insert(&self.store.counters, FENCES, fences.to_le_bytes());
    }

    /// With `sync` it survives a power failure, without it the end of the process.
    pub(super) fn commit(self, sync: bool) -> Result<(), LedgerError> {
        self.batch.commit()?;
        let mode = if sync { PersistMode::SyncData } else { PersistMode::Buffer };
        Ok(self.store.database.persist(mode)?)
    }
}

/// Clears away what has expired while the store rewrites its files.
struct Expired(Clock);

impl Factory for Expired {
    fn name(&self) -> &'static str {
        "expired"
    }

    fn make_filter(&self, _: &Context) -> Box<dyn CompactionFilter> {
        Box::new(ExpiredBy(self.0.wall(Tick::now())))
    }
}

struct ExpiredBy(u64);

impl CompactionFilter for ExpiredBy {
    fn filter_item(&mut self, item: ItemAccessor<'_>, _: &Context) -> CompactionFilterResult {
        let expired = row::has_expired(&item.value()?, self.0);
        Ok(if expired { Verdict::Remove } else { Verdict::Keep })
    }
}
