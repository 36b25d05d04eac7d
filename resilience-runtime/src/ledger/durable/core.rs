//! What the callers and the writer share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
// The disk's time, as in the journal.
use std::time::Instant;

use tokio::sync::oneshot;

use super::clock::Clock;
use super::journal::{Group, Journal, Last};
use super::layout::{Contents, Folder};
use super::read::Read;
use super::reader::Reader;
use super::row;
use super::store::Store;
use super::table::{Part, Slot};
use crate::key::IdempotencyKey;
use crate::ledger::record::{Record, State};
use crate::ledger::shards::Shards;
use crate::ledger::{Entry, LedgerError};
use crate::time::Tick;

/// How many fences are reserved at once. A reservation is on disk before one of its fences is given out, so that
/// fences rise also over a crash that took the last claims with it.
const FENCES: u64 = 1 << 20;

pub(super) struct Core {
    pub(super) clock: Clock,
    pub(super) store: Store,
    pub(super) table: Shards<Part>,
    pub(super) journal: Journal,
    pub(super) reader: Reader,
    fence: AtomicU64,
    reserved: AtomicU64,
    /// Let go after the store, whoever still looks into it.
    _folder: Arc<Folder>,
}

/// Is told when it is on disk.
pub(super) type Waiting = oneshot::Sender<()>;
pub(super) type Told = oneshot::Receiver<()>;

impl Core {
    /// Nothing, if the store has lost its fences: every store has them from its start, and they may only rise.
    pub(super) fn new(
        store: Store,
        clock: Clock,
        contents: &Contents,
        folder: Arc<Folder>,
    ) -> Result<Option<Self>, LedgerError> {
        let fence = match (store.fences()?, contents) {
            (Some(fence), _) => fence,
            (None, Contents::New) => 0,
            (None, Contents::Ledger) => return Ok(None),
        };
        let reserved = fence + FENCES;
        let mut batch = store.batch();
        batch.reserve(reserved);
        batch.commit()?;
        Ok(Some(Self {
            clock,
            store,
            table: Shards::default(),
            journal: Journal::default(),
            reader: Reader::default(),
            fence: AtomicU64::new(fence),
            reserved: AtomicU64::new(reserved),
            _folder: folder,
        }))
    }

    pub(super) fn next_fence(&self) -> u64 {
        self.fence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// It may be given out without waiting for the next sync.
    pub(super) fn is_reserved(&self, fence: u64) -> bool {
        fence <= self.reserved.load(Ordering::Acquire)
    }

    /// The record as the store has it, expired or not.
    pub(super) fn kept(&self, key: IdempotencyKey) -> Result<Option<Box<Record>>, LedgerError> {
        let bytes = self.store.get(key)?;
        bytes.map(|bytes| row::decode(key, &bytes, &self.clock).map(Box::new)).transpose()
    }

    /// The record as an operator sees it, if it is wanted. On a thread that may be kept waiting.
    pub(super) fn entry(
        self: &Arc<Self>,
        key: IdempotencyKey,
        now: Tick,
        wanted: impl Fn(&Record) -> bool,
    ) -> Result<Option<Entry>, LedgerError> {
        Ok(Read::of(self, key).locked_here()?.entry(now, wanted))
    }

    /// Keys that only the table knows so far.
    pub(super) fn keys_in_table(&self) -> Vec<IdempotencyKey> {
        self.table.iter().flat_map(|part| part.slots.keys().copied().collect::<Vec<_>>()).collect()
    }

    /// Puts a record into the table, or the removal of one, and asks for its write.
    pub(super) fn put(
        &self,
        part: &mut Part,
        key: IdempotencyKey,
        listed: bool,
        record: Option<Record>,
        waiting: Option<Waiting>,
    ) {
        part.recent.take(key);
        let slot = part.slots.entry(key).or_insert_with(|| Slot::new(listed));
        slot.record = record;
        self.changed(slot, key, waiting);
    }

    pub(super) fn changed(&self, slot: &mut Slot, key: IdempotencyKey, waiting: Option<Waiting>) {
        slot.changed();
        self.journal.push((!std::mem::replace(&mut slot.queued, true)).then_some(key), waiting);
    }

    /// The life of the writer.
    pub(super) fn write_all(&self) {
        let _failing = FailsOnPanic(self);
        let (mut group, mut last) = (Group::default(), None);
        while self.journal.take(&mut group, last) {
            let start = Instant::now();
            if let Err(error) = self.write(&group) {
                let why = error.why;
                // Whoever is told of it may ask this ledger.
                self.fail(why.clone());
                tracing::error!(target: "resilience", event = "ledger_stopped", why);
                return;
            }
            group.keys.clear();
            let took = start.elapsed();
            let told = group.waiting.drain(..).filter_map(|waiting| waiting.send(()).ok()).count();
            last = Some(Last { told, at: Instant::now(), took });
        }
    }

    pub(super) fn write(&self, group: &Group) -> Result<(), LedgerError> {
        let mut batch = self.store.batch();
        let mut written = Vec::with_capacity(group.keys.len());
        for &key in &group.keys {
            if let Some(slot) = self.table.of(key).slots.get_mut(&key) {
                written.push((key, slot.write(key, &mut batch, &self.clock)?));
            }
        }
        let reserve = self.fence.load(Ordering::Relaxed) + FENCES;
        let reserve = (reserve - self.reserved.load(Ordering::Relaxed) > FENCES / 2).then_some(reserve);
        if let Some(fences) = reserve {
            batch.reserve(fences);
        }
        batch.commit()?;
        if let Some(fences) = reserve {
            self.reserved.store(fences, Ordering::Release);
        }
        for (key, change) in written {
            let mut part = self.table.of(key);
            if part.slots.get(&key).is_some_and(|slot| slot.is_settled(change)) {
                part.remove(key);
            }
        }
        Ok(())
    }

    pub(super) fn fail(&self, why: String) {
        self.journal.fail(why);
        // They ask again, and are told.
        self.table.iter().for_each(|mut part| part.slots.values_mut().for_each(Slot::wake));
    }
}

/// Is in the store's list of what has not ended.
pub(super) fn is_listed(record: &Record) -> bool {
    matches!(record.state, State::InDoubt)
}

/// A writer that panics leaves nobody waiting.
struct FailsOnPanic<'a>(&'a Core);

impl Drop for FailsOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the writer panicked".to_owned());
        }
    }
}
