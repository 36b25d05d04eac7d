//! The ledger in a folder of one machine: a `kill -9` does not hurt it.
//!
//! ```text
//! claim, complete, ...  ->  table (what runs here)  ->  journal (group commit)  ->  store (fjall)
//! ```
//!
//! A claim under `dedup` is granted before it is on disk: lost with the power, it means a run that recovery allows
//! anyway. One with a fingerprint is written first, so that a kill does not let other values run. One under `at_most_once`
//! is synced first, and a result always is. A claim that the store still shows as
//! running is of a process that died, since the folder has one owner, so it is free at once.

mod clock;
mod core;
mod journal;
mod layout;
mod lock;
mod mend;
mod options;
mod private;
mod read;
mod reader;
mod recent;
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

use self::core::{Core, Told, is_listed};
use super::record::{Change, Record, State};
use super::{
    Body, Claimed, Entry, EntryState, Hold, Ledger, LedgerError, Reply, Request, Stored, Written, called,
    oldest,
};
use crate::key::IdempotencyKey;
use crate::time::{self, Tick};
use clock::Clock;
use layout::{Contents, Folder};
pub(crate) use options::timeout;
use read::{Locked, Read};
use store::Store;

/// What a duplicate is told to wait while a result is on its way to the disk.
const A_SYNC: Duration = Duration::from_secs(1);

pub(crate) struct DurableLedger {
    core: Arc<Core>,
    /// How long a call waits for the disk. What it has asked for goes on.
    timeout: Duration,
    writer: Option<JoinHandle<()>>,
}

impl DurableLedger {
    /// Opens a ledger, or makes one where nothing is. It reads and writes files: not for a task.
    pub(crate) fn open(path: &Path, timeout: Duration) -> Result<Self, LedgerError> {
        let mut ledger = Self::idle(path, timeout)?;
        let core = Arc::clone(&ledger.core);
        let writer = std::thread::Builder::new().name("resilience-ledger".to_owned());
        let writer = writer.spawn(move || core.write_all());
        let writer =
            writer.map_err(|error| LedgerError::new(format!("its writer cannot be started: {error}")))?;
        ledger.writer = Some(writer);
        Ok(ledger)
    }

    /// The same, before somebody writes.
    fn idle(path: &Path, timeout: Duration) -> Result<Self, LedgerError> {
        let folder = Arc::new(Folder::claim(path)?);
        let clock = Clock::start();
        let open = |path: &Path, contents| {
            if let Contents::Ledger = contents {
                mend::mend(path)?;
            }
            Core::new(Store::open(path, clock)?, clock, &contents, Arc::clone(&folder))
        };
        Ok(Self { core: Arc::new(folder.store(open)?), timeout, writer: None })
    }

    /// What the disk answers in time.
    async fn in_time<T>(
        &self,
        answer: impl Future<Output = Result<T, LedgerError>> + Send,
    ) -> Result<T, LedgerError> {
        // No disk keeps to the time of a test that has paused it.
        if !time::flows() {
            return answer.await;
        }
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer,
            Err(_) => {
                Err(LedgerError::lasting(format!("the disk has not answered within {:?}", self.timeout)))
            }
        }
    }

    /// What `answer` makes of a record: at once, where it is in the table.
    fn of<'a, T: Send + 'a>(
        &'a self,
        key: IdempotencyKey,
        answer: impl FnOnce(Locked<'_>) -> T + Send + 'a,
    ) -> Reply<'a, T> {
        let mut read = Read::of(&self.core, key);
        match read.look() {
            Ok(Some(locked)) => Reply::now(Ok(answer(locked))),
            Ok(None) => Reply::later(self.in_time(async { Ok(answer(read.locked().await?)) })),
            Err(error) => Reply::now(Err(error)),
        }
    }

    /// Changes the record of a claim that still stands. A result gives what tells when it is on disk.
    fn write(&self, hold: Hold, change: Change, mut locked: Locked<'_>) -> (Written, Option<Told>) {
        let now = Tick::now();
        let renewal = matches!(change, Change::Renew { .. });
        let (waiting, told) = matches!(change, Change::Complete { .. }).then(oneshot::channel).unzip();
        let Some(slot) = locked.part.slots.get_mut(&hold.key) else {
            // It does not run, and what has ended does not change: only the answer is wanted.
            let record = locked.part.recent.take(hold.key);
            let is_recent = record.is_some();
            let Some(mut record) = record.or(locked.kept) else { return (Written::LeaseLost, None) };
            let written = record.write(hold, change, now);
            if is_recent {
                locked.part.recent.keep(hold.key, record);
            }
            return (written, None);
        };
        let was_done = slot.record.as_ref().is_some_and(|record| matches!(record.state, State::Done(_)));
        let written = match &mut slot.record {
            Some(record) => record.write(hold, change, now),
            None => Written::LeaseLost,
        };
        // A renewal is not written: a lease is of this process, and nobody else asks for it.
        if written == Written::LeaseLost || renewal {
            return (written, None);
        }
        if was_done {
            // Said again. It is on its way already, in a group before the next one or in that.
            self.core.journal.push(None, waiting);
        } else {
            self.core.changed(slot, hold.key, waiting);
        }
        (written, told)
    }

    /// What a claim finds, and makes of it.
    fn grant(&self, request: &Request<'_>, mut locked: Locked<'_>) -> Claimed {
        let now = Tick::now();
        let found = locked.record();
        let listed = found.is_some_and(is_listed);
        let live = found.filter(|record| !record.has_expired(now));
        match live.and_then(|record| Some((record.fence, record.answer(request, now)?))) {
            Some((fence, Claimed::Done(_))) if locked.is_here() => {
                return Claimed::Running { fence, left: A_SYNC };
            }
            Some((_, answer)) => return answer,
            None => {}
        }
        let attempt = live.map_or(1, |record| record.attempt.saturating_add(1));
        let fence = self.core.next_fence();
        let record = Record::granted(request, request.as_written(), fence, attempt, now);
        self.core.put(&mut locked.part, request.key, listed, Some(record), None);
        Claimed::Granted { fence }
    }

    /// A grant that has to be written before it is told: to last, or because the writer is behind.
    fn untold(&self, request: &Request<'_>, claimed: &Claimed) -> Option<Untold<'_>> {
        let &Claimed::Granted { fence } = claimed else { return None };
        let waits = request.at_most_once
            || request.fingerprint.is_some()
            || !self.core.is_reserved(fence)
            || self.core.journal.is_long();
        let hold = Hold { key: request.key, owner: request.owner, fence };
        waits.then(|| Untold { ledger: self, hold: Some(hold) })
    }

    /// What is told of a claim, when it is written where it has to be.
    async fn told(&self, claimed: Claimed, untold: Option<Untold<'_>>) -> Result<Claimed, LedgerError> {
        if let Some(mut untold) = untold {
            let (waiting, told) = oneshot::channel();
            self.core.journal.push(None, Some(waiting));
            self.core.journal.synced(told).await?;
            untold.hold = None;
        }
        Ok(claimed)
    }

    /// Changes a record that an operator has in mind: of this fence, and in a state that he may decide over.
    async fn decide(
        &self,
        key: IdempotencyKey,
        fence: u64,
        may: fn(EntryState) -> bool,
        decide: impl FnOnce(Record, Tick) -> Option<Record> + Send,
    ) -> Result<bool, LedgerError> {
        let locked = Read::of(&self.core, key).locked().await?;
        let Some(told) = self.decided(locked, fence, may, decide) else { return Ok(false) };
        self.core.journal.synced(told).await?;
        Ok(true)
    }

    /// What tells when the decision is on disk, if he may decide.
    fn decided(
        &self,
        mut locked: Locked<'_>,
        fence: u64,
        may: fn(EntryState) -> bool,
        decide: impl FnOnce(Record, Tick) -> Option<Record>,
    ) -> Option<Told> {
        let now = Tick::now();
        let mine =
            |record: &&Record| record.fence == fence && !record.has_expired(now) && may(record.shown(now));
        locked.record().filter(mine)?;
        let (listed, record) = match locked.part.slots.get_mut(&locked.key) {
            Some(slot) => (true, slot.record.take()?),
            None => {
                let record = locked.part.recent.take(locked.key).or(locked.kept.take())?;
                (is_listed(&record), *record)
            }
        };
        let (waiting, told) = oneshot::channel();
        self.core.put(&mut locked.part, locked.key, listed, decide(record, now), Some(waiting));
        Some(told)
    }

    /// Those of the table and of the store, on a thread that may read files.
    async fn entries<F>(&self, gather: F) -> Result<Vec<Entry>, LedgerError>
    where
        F: FnOnce(&Arc<Core>, Tick) -> Result<Vec<Entry>, LedgerError> + Send + 'static,
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
        let mut read = Read::of(&self.core, request.key);
        match read.look() {
            Ok(Some(locked)) => {
                let claimed = self.grant(request, locked);
                match self.untold(request, &claimed) {
                    None => Reply::now(Ok(claimed)),
                    untold => Reply::later(self.in_time(self.told(claimed, untold))),
                }
            }
            Ok(None) => Reply::later(self.in_time(async {
                let claimed = self.grant(request, read.locked().await?);
                let untold = self.untold(request, &claimed);
                self.told(claimed, untold).await
            })),
            Err(error) => Reply::now(Err(error)),
        }
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        self.of(hold.key, move |locked| self.write(hold, Change::Renew { lease }, locked).0)
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        Reply::later(async move {
            let written =
                self.of(hold.key, |locked| self.write(hold, Change::Complete { result, ttl }, locked));
            let (written, told) = written.await?;
            if let Some(told) = told
                && let Err(error) = self.in_time(self.core.journal.synced(told)).await
                // Else it was written with the group of its claim, before the one that was to tell of it and failed.
                && self.core.table.of(hold.key).slots.contains_key(&hold.key)
            {
                return Err(error);
            }
            Ok(written)
        })
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        // Lost with the power it leaves the claim running, which the next start makes free or puts in doubt.
        self.of(hold.key, move |locked| self.write(hold, Change::Release, locked).0)
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        let part = self.core.table.of(hold.key);
        // What is not in the table does not run here: there is nothing to abandon, and nothing to read for it. A ledger
        // that has stopped cannot be told.
        if part.slots.contains_key(&hold.key) && !self.has_stopped() {
            let locked = Locked { part, key: hold.key, kept: None };
            self.write(hold, Change::Abandon { may_have_run }, locked);
        }
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
        let mut part = self.core.table.of(key);
        match part.slots.get_mut(&key) {
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
        self.of(key, |locked| locked.entry(Tick::now(), |_| true))
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        let forget = self.decide(key, fence, |state| state != EntryState::Running, |_, _| None);
        Reply::later(self.in_time(forget))
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        let resolve = move |mut record: Record, now| {
            record.resolve(body, now);
            Some(record)
        };
        Reply::later(self.in_time(self.decide(key, fence, |state| state == EntryState::InDoubt, resolve)))
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
