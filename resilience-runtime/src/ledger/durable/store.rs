//! What is on disk: the records, which of them have not ended, and the fences that were given out.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
const MEMTABLE: usize = 4 << 20;
/// How far the store's worker may be behind, in tables of memory and of the first level, before the writer waits for it.
/// The store itself waits a little later, and for ever if its worker has died.
const BEHIND: (usize, usize) = (3, 20);
const PAUSE: Duration = Duration::from_millis(10);
const JOURNALS: u64 = 128 << 20;
const CACHE: u64 = 32 << 20;
const FENCES: &str = "fences";

pub(super) struct Store {
    database: Database,
    records: Keyspace,
    /// The keys of what runs or is in doubt, so that nobody has to look at every record for them.
    unfinished: Keyspace,
    counters: Keyspace,
    /// Bytes since the last rotation.
    written: AtomicUsize,
    /// A record whose reads take so long.
    #[cfg(test)]
    pub(super) slow: std::sync::Mutex<Option<(IdempotencyKey, Duration)>>,
}

impl From<fjall::Error> for LedgerError {
    fn from(error: fjall::Error) -> Self {
        Self::new(match error {
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
        // Its tables are rotated here: the store asks its worker to, once per write, and a worker that is busy can be
        // asked so often that it waits for room in its own queue.
        let options = || KeyspaceCreateOptions::default().max_memtable_size(u64::MAX);
        let (records, unfinished) =
            (database.keyspace("records", options)?, database.keyspace("unfinished", options)?);
        let counters = database.keyspace("counters", options)?;
        Ok(Self {
            database,
            records,
            unfinished,
            counters,
            written: AtomicUsize::new(0),
            #[cfg(test)]
            slow: std::sync::Mutex::default(),
        })
    }

    pub(super) fn get(&self, key: IdempotencyKey) -> Result<Option<Slice>, LedgerError> {
        let row = self.records.get(key.as_bytes())?;
        #[cfg(test)]
        {
            let slow = *self.slow.lock().expect("no panic under the lock");
            if let Some((_, time)) = slow.filter(|(slow, _)| *slow == key) {
                std::thread::sleep(time);
            }
        }
        Ok(row)
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
        Batch { store: self, rows: self.database.batch(), bytes: 0, lasts: false }
    }

    fn keyspaces(&self) -> [&Keyspace; 3] {
        [&self.records, &self.unfinished, &self.counters]
    }

    /// Waits for the store's worker.
    fn make_room(&self) -> Result<(), LedgerError> {
        let is_behind = |keyspace: &Keyspace| {
            keyspace.sealed_memtable_count() >= BEHIND.0 || keyspace.l0_table_count() >= BEHIND.1
        };
        while self.keyspaces().into_iter().any(is_behind) {
            // Says so, if the worker has died.
            self.database.persist(PersistMode::Buffer)?;
            std::thread::sleep(PAUSE);
        }
        Ok(())
    }

    fn wrote(&self, bytes: usize) -> Result<(), LedgerError> {
        if self.written.fetch_add(bytes, Ordering::Relaxed) + bytes > MEMTABLE {
            self.written.store(0, Ordering::Relaxed);
            for keyspace in self.keyspaces() {
                keyspace.rotate_memtable()?;
            }
        }
        Ok(())
    }
}

fn pairs(keyspace: &Keyspace) -> impl Iterator<Item = Result<(IdempotencyKey, Slice), LedgerError>> + use<> {
    keyspace.iter().map(|guard| {
        let (key, value) = guard.into_inner()?;
        let key = key.first_chunk().ok_or_else(|| LedgerError::new("a key is damaged".to_owned()))?;
        Ok((IdempotencyKey::from_bytes(*key), value))
    })
}

/// Writes that are on disk together or not at all.
pub(super) struct Batch<'a> {
    store: &'a Store,
    rows: OwnedWriteBatch,
    bytes: usize,
    /// It has to survive a power failure.
    pub(super) lasts: bool,
}

/// What the store needs for a row, beside the row.
const OVERHEAD: usize = 100;

impl Batch<'_> {
    pub(super) fn put(&mut self, key: IdempotencyKey, row: Vec<u8>) {
        self.bytes += row.len() + OVERHEAD;
        self.rows.insert(&self.store.records, *key.as_bytes(), row);
    }

    pub(super) fn remove(&mut self, key: IdempotencyKey) {
        self.bytes += OVERHEAD;
        self.rows.remove(&self.store.records, *key.as_bytes());
    }

    pub(super) fn begin(&mut self, key: IdempotencyKey, expiry: u64) {
        self.rows.insert(&self.store.unfinished, *key.as_bytes(), expiry.to_le_bytes());
    }

    pub(super) fn end(&mut self, key: IdempotencyKey) {
        self.rows.remove(&self.store.unfinished, *key.as_bytes());
    }

    pub(super) fn reserve(&mut self, fences: u64) {
        self.lasts = true;
        self.rows.insert(&self.store.counters, FENCES, fences.to_le_bytes());
    }

    /// Survives the end of the process, and a power failure where it has to.
    pub(super) fn commit(self) -> Result<(), LedgerError> {
        self.store.make_room()?;
        // Written and synced under one lock of the store: a sync of its worker that fails in between would take the
        // error with it.
        let mode = if self.lasts { PersistMode::SyncData } else { PersistMode::Buffer };
        self.rows.durability(Some(mode)).commit()?;
        self.store.wrote(self.bytes)
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
