//! The ledger in a folder of one machine: a `kill -9` does not hurt it.
//!
//! ```text
//! claim, complete, ...  ->  table (what runs here)  ->  journal (group commit)  ->  store (fjall)
//! ```
//!
//! A claim under `dedup` is granted before it is on disk: lost with the power, it means a run that recovery allows
//! anyway. One under `at_most_once` is synced first, and a result always is. A claim that the store still shows as
//! running is of a process that died, since the folder has one owner, so it is free at once.

mod clock;
mod core;
mod journal;
mod layout;
mod lock;
mod mend;
mod row;
mod store;
mod table;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use self::core::{Core, Found, Told, is_listed};
use super::record::{Change, Record, State};
use super::{
    Body, Claimed, Entry, EntryState, Hold, Ledger, LedgerError, Reply, Request, Stored, Written, called,
    oldest,
};
use crate::key::IdempotencyKey;
use crate::time::Tick;
use clock::Clock;
use layout::{Contents, Folder};
use store::Store;

/// What a duplicate is told to wait while a result is on its way to the disk.
const A_SYNC: Duration = Duration::from_secs(1);

pub(crate) struct DurableLedger {
    core: Arc<Core>,
    writer: Option<JoinHandle<()>>,
}

impl DurableLedger {
    /// Opens a ledger, or makes one where nothing is. It reads and writes files: not for a task.
    pub(crate) fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut ledger = Self::idle(path)?;
        let core = Arc::clone(&ledger.core);
        let writer = std::thread::Builder::new().name("resilience-ledger".to_owned());
        let writer = writer.spawn(move || core.write_all());
        let writer =
            writer.map_err(|error| LedgerError::new(format!("its writer cannot be started: {error}")))?;
        ledger.writer = Some(writer);
        Ok(ledger)
    }

    /// The same, before somebody writes.
    fn idle(path: &Path) -> Result<Self, LedgerError> {
        let folder = Arc::new(Folder::claim(path)?);
        let clock = Clock::start();
        let open = |path: &Path, contents| {
            if let Contents::Ledger = contents {
                mend::mend(path)?;
            }
            Core::new(Store::open(path, clock)?, clock, &contents, Arc::clone(&folder))
        };
        Ok(Self { core: Arc::new(folder.store(open)?), writer: None })
    }

    /// Changes the record of a claim that still stands. A result gives what tells when it is on disk.
    fn write(&self, hold: Hold, change: Change) -> Result<(Written, Option<Told>), LedgerError> {
        let core = &*self.core;
        core.journal.check()?;
        let renewal = matches!(change, Change::Renew { .. });
        let (waiting, told) = matches!(change, Change::Complete { .. }).then(oneshot::channel).unzip();
        let mut slots = core.table.of(hold.key);
        let Some(slot) = slots.get_mut(&hold.key) else {
            return Ok(match core.look(&slots, hold.key)? {
                Some(Found::Kept(mut record)) => (record.write(hold, change, Tick::now()), None),
                _ => (Written::LeaseLost, None),
            });
        };
        let written = match &mut slot.record {
            Some(record) => record.write(hold, change, Tick::now()),
            None => Written::LeaseLost,
        };
        // A renewal is not written: a lease is of this process, and nobody else asks for it.
        if written == Written::LeaseLost || renewal {
            return Ok((written, None));
        }
        core.changed(slot, hold.key, waiting);
        Ok((written, told))
    }

    fn claim_now(&self, request: &Request<'_>) -> Result<Claimed, LedgerError> {
        let core = &*self.core;
        core.journal.check()?;
        let now = Tick::now();
        let mut slots = core.table.of(request.key);
        let found = core.look(&slots, request.key)?;
        let listed = found.as_ref().is_some_and(|found| is_listed(found.record()));
        let here = matches!(found, Some(Found::Here(_)));
        let live = found.as_ref().map(Found::record).filter(|record| !record.has_expired(now));
        match live.and_then(|record| Some((record.fence, record.answer(request, now)?))) {
            Some((fence, Claimed::Done(_))) if here => return Ok(Claimed::Running { fence, left: A_SYNC }),
            Some((_, answer)) => return Ok(answer),
            None => {}
        }
        let attempt = live.map_or(1, |record| record.attempt.saturating_add(1));
        let fence = core.next_fence();
        let record = Record::granted(request, request.as_written(), fence, attempt, now);
        core.put(&mut slots, request.key, listed, Some(record), None);
        Ok(Claimed::Granted { fence })
    }

    /// A claim that has to be written before it is granted: to last, or because the writer is behind.
    async fn written(&self, mut untold: Untold<'_>, fence: u64) -> Result<Claimed, LedgerError> {
        let (waiting, told) = oneshot::channel();
        self.core.journal.push(None, Some(waiting));
        self.core.journal.synced(told).await?;
        untold.hold = None;
        Ok(Claimed::Granted { fence })
    }

    /// Changes a record that an operator has in mind: of this fence, and in a state that he may decide over.
    async fn decide(
        &self,
        key: IdempotencyKey,
        fence: u64,
        may: fn(EntryState) -> bool,
        decide: impl FnOnce(Record, Tick) -> Option<Record> + Send,
    ) -> Result<bool, LedgerError> {
        let core = &*self.core;
        core.journal.check()?;
        let now = Tick::now();
        let (waiting, told) = oneshot::channel();
        let decided = {
            let mut slots = core.table.of(key);
            let mine =
                |record: &Record| record.fence == fence && !record.has_expired(now) && may(record.shown(now));
            let record = match core.look(&slots, key)? {
                Some(found) if mine(found.record()) => match found {
                    Found::Kept(record) => Some((is_listed(&record), *record)),
                    Found::Here(_) => slots.get_mut(&key).and_then(|slot| Some((true, slot.record.take()?))),
                },
                _ => None,
            };
            match record {
                Some((listed, record)) => {
                    core.put(&mut slots, key, listed, decide(record, now), Some(waiting));
                    true
                }
                None => false,
            }
        };
        if decided {
            core.journal.synced(told).await?;
        }
        Ok(decided)
    }

    /// Those of the table and of the store, on a thread that may read files.
    async fn entries<F>(&self, gather: F) -> Result<Vec<Entry>, LedgerError>
    where
        F: FnOnce(&Core, Tick) -> Result<Vec<Entry>, LedgerError> + Send + 'static,
    {
        self.core.journal.check()?;
        let core = Arc::clone(&self.core);
        let gathered = tokio::task::spawn_blocking(move || gather(&core, Tick::now())).await;
        gathered.unwrap_or_else(|error| Err(LedgerError::new(error.to_string())))
    }
}

/// Leaves no claim behind that nobody has been told of.
struct Untold<'a> {
    ledger: &'a DurableLedger,
    hold: Option<Hold>,
}

impl Drop for Untold<'_> {
    fn drop(&mut self) {
        if let Some(hold) = self.hold {
            self.ledger.abandon(hold, false);
        }
    }
}

impl Ledger for DurableLedger {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        match self.claim_now(request) {
            Ok(Claimed::Granted { fence })
                if request.at_most_once || !self.core.is_reserved(fence) || self.core.journal.is_long() =>
            {
                let hold = Hold { key: request.key, owner: request.owner, fence };
                Reply::later(self.written(Untold { ledger: self, hold: Some(hold) }, fence))
            }
            answer => Reply::now(answer),
        }
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        let written = self.write(hold, Change::Renew { lease });
        Reply::now(written.map(|(written, _)| written))
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        Reply::later(async move {
            let (written, told) = self.write(hold, Change::Complete { result, ttl })?;
            if let Some(told) = told
                && let Err(error) = self.core.journal.synced(told).await
                // Else it was written with the group of its claim, before the one that was to tell of it and failed.
                && self.core.table.of(hold.key).contains_key(&hold.key)
            {
                return Err(error);
            }
            Ok(written)
        })
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        // Lost with the power it leaves the claim running, which the next start makes free or puts in doubt.
        let written = self.write(hold, Change::Release);
        Reply::now(written.map(|(written, _)| written))
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        // A ledger that has stopped cannot be told.
        let _ = self.write(hold, Change::Abandon { may_have_run });
    }

    /// Also claims and releases, which nobody waits for either.
    fn drain(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            let (waiting, told) = oneshot::channel();
            self.core.journal.push(None, Some(waiting));
            // A ledger that has stopped has said so.
            let _ = self.core.journal.synced(told).await;
        })
    }

    fn has_stopped(&self) -> bool {
        self.core.journal.check().is_err()
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        let mut slots = self.core.table.of(key);
        match slots.get_mut(&key) {
            // After a failure nobody is woken any more: it is set before they are.
            Some(slot)
                if !self.has_stopped() && slot.record.as_ref().is_some_and(|record| waits(record, fence)) =>
            {
                // Made under the lock, so that no end of the claim falls between the look and the wait.
                let woken = slot.waiters().notified_owned();
                Box::pin(async {
                    woken.await;
                    None
                })
            }
            _ => Box::pin(std::future::ready(None)),
        }
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        Reply::later(self.entries(move |core, now| {
            let mut keys = core.keys_in_table();
            for key in core.store.unfinished() {
                keys.push(key?);
            }
            keys.sort_unstable();
            keys.dedup();
            let doubtful = |record: &Record| record.shown(now) == EntryState::InDoubt;
            let entries = keys.into_iter().filter_map(|key| core.entry(key, now, doubtful).transpose());
            Ok(oldest(entries.collect::<Result<_, _>>()?, most))
        }))
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        let text = text.to_owned();
        Reply::later(self.entries(move |core, now| {
            let mut keys = core.keys_in_table();
            for pair in core.store.records() {
                let (key, row) = pair?;
                if called(&row::decode(key, &row, &core.clock)?.text, &text) {
                    keys.push(key);
                }
            }
            keys.sort_unstable();
            keys.dedup();
            let wanted = |record: &Record| called(&record.text, &text);
            let entries = keys.into_iter().filter_map(|key| core.entry(key, now, wanted).transpose());
            Ok(oldest(entries.collect::<Result<_, _>>()?, most))
        }))
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        let answer = || {
            self.core.journal.check()?;
            self.core.entry(key, Tick::now(), |_| true)
        };
        Reply::now(answer())
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        Reply::later(self.decide(key, fence, |state| state != EntryState::Running, |_, _| None))
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        let resolve = move |mut record: Record, now| {
            record.resolve(body, now);
            Some(record)
        };
        Reply::later(self.decide(key, fence, |state| state == EntryState::InDoubt, resolve))
    }
}

/// The claim runs, or its result is on the way to the disk.
fn waits(record: &Record, fence: u64) -> bool {
    record.fence == fence && matches!(record.state, State::Running { .. } | State::Done(_))
}

impl Drop for DurableLedger {
    fn drop(&mut self) {
        self.core.journal.close();
        if let Some(writer) = self.writer.take() {
            let _ = writer.join(); // how it ended, the journal has said
        }
    }
}
