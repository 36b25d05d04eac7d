//! Group commit: one writer, one sync that is shared by all who wait for it, and no timer. A group gathers while the
//! one before it is written, and for a moment after that.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
// The disk's time, which no paused clock drives.
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::key::IdempotencyKey;
use crate::ledger::LedgerError;

/// Records that wait for the writer before claims do.
const LONG: usize = 4_096;

/// The longest moment for which the writer waits for those whom it has told.
const PATIENCE: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Journal {
    group: Mutex<Group>,
    filled: Condvar,
    /// Why nothing is written any more.
    failure: OnceLock<String>,
}

/// What the writer does next.
#[derive(Default)]
pub(super) struct Group {
    /// Whose records have changed.
    pub(super) keys: Vec<IdempotencyKey>,
    /// Who must not go on before this is on disk.
    pub(super) waiting: Vec<oneshot::Sender<()>>,
    /// The writer sleeps until so many wait.
    wakes_at: Option<usize>,
    closing: bool,
}

/// What the writer knows of the group before.
#[derive(Clone, Copy)]
pub(super) struct Last {
    /// How many were told, and when.
    pub(super) told: usize,
    pub(super) at: Instant,
    pub(super) took: Duration,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.waiting.is_empty()
    }
}

impl Journal {
    /// The store refuses all work after a write that failed: what is on disk is no longer known.
    pub(super) fn check(&self) -> Result<(), LedgerError> {
        match self.failure.get() {
            None => Ok(()),
            Some(why) => {
                Err(LedgerError::new(format!("the ledger has stopped, because a write failed: {why}")))
            }
        }
    }

    /// The writer is behind. Who only asks for something new waits for it.
    pub(super) fn is_long(&self) -> bool {
        self.group().keys.len() > LONG
    }

    /// Asks for the write of a record, and to be told when it and all before it is on disk.
    pub(super) fn push(&self, key: Option<IdempotencyKey>, waiting: Option<oneshot::Sender<()>>) {
        let mut group = self.group();
        // Looked at under the lock: who comes after the failure is not left waiting.
        if self.failure.get().is_some() {
            return;
        }
        group.keys.extend(key);
        group.waiting.extend(waiting);
        if !group.is_empty() && group.wakes_at.is_some_and(|many| group.waiting.len() >= many) {
            group.wakes_at = None;
            self.filled.notify_one();
        }
    }

    /// Waits to be told.
    pub(super) async fn synced(&self, told: oneshot::Receiver<()>) -> Result<(), LedgerError> {
        match told.await {
            Ok(()) => Ok(()),
            Err(_) => self.check().and(Err(LedgerError::new("the ledger is closed".to_owned()))),
        }
    }

    /// The writer's next group, in place of the one that it is through with. `false`: there will be none.
    pub(super) fn take(&self, done: &mut Group, last: Option<Last>) -> bool {
        let mut group = self.group();
        while group.is_empty() {
            if group.closing {
                return false;
            }
            group.wakes_at = Some(0);
            group = self.filled.wait(group).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(last) = last {
            group = self.gathered(group, last);
        }
        std::mem::swap(&mut group.keys, &mut done.keys);
        std::mem::swap(&mut group.waiting, &mut done.waiting);
        true
    }

    /// Who was told together comes back together, one after the other: a sync for the first of them alone would keep all
    /// the others waiting. So the writer waits for all of them, but for less than it would take them to wait for it.
    fn gathered<'a>(&'a self, mut group: MutexGuard<'a, Group>, last: Last) -> MutexGuard<'a, Group> {
        let patience = PATIENCE.min(last.took * 2 / 3);
        while group.waiting.len() < last.told && !group.closing {
            let Some(left) = patience.checked_sub(last.at.elapsed()) else { break };
            group.wakes_at = Some(last.told);
            let woken = self.filled.wait_timeout(group, left);
            group = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        group.wakes_at = None;
        group
    }

    /// No more writes. Who waits is told by the end of his channel.
    pub(super) fn fail(&self, why: String) {
        let _ = self.failure.set(why);
        let mut group = self.group();
        group.keys.clear();
        group.waiting.clear();
    }

    /// The writer ends after what it has been asked for so far.
    pub(super) fn close(&self) {
        self.group().closing = true;
        self.filled.notify_one();
    }

    /// Somebody who is still there.
    #[cfg(test)]
    pub(super) fn somebody_waits(&self) -> bool {
        self.group().waiting.iter().any(|waiting| !waiting.is_closed())
    }

    fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
