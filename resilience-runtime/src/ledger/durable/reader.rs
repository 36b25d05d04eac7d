//! Reads of the store, on a thread that may be kept waiting. One of them reads for all who come meanwhile: to wake a thread
//! costs more than most reads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::core::Core;
use crate::background;
use crate::key::IdempotencyKey;
use crate::ledger::LedgerError;
use crate::ledger::record::Record;

/// A read that takes longer holds up those behind it: whoever has waited so long has a thread of its own.
const PATIENCE: Duration = Duration::from_millis(10);

/// So many have one. Where that is not enough, it is the disk that cannot do more.
const MOST: usize = 16;

/// What the store has of a key.
type Kept = Result<Option<Box<Record>>, LedgerError>;

#[derive(Default)]
pub(super) struct Reader {
    queue: Mutex<Queue>,
    /// Threads beside that which reads for all.
    threads: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Queue {
    wanted: Vec<(IdempotencyKey, oneshot::Sender<Kept>)>,
    /// Somebody reads, and comes back for more.
    is_read: bool,
}

fn ended() -> LedgerError {
    LedgerError::new("the thread that reads has ended")
}

/// The right to a thread of its own.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Reader {
    fn place(&self) -> Option<Place> {
        let take = |taken| (taken < MOST).then_some(taken + 1);
        let taken = self.threads.fetch_update(Ordering::AcqRel, Ordering::Acquire, take);
        taken.is_ok().then(|| Place(Arc::clone(&self.threads)))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// The record as the store has it, expired or not.
    pub(super) async fn read(self: &Arc<Self>, key: IdempotencyKey) -> Kept {
        let (sender, mut told) = oneshot::channel();
        let is_read = {
            let mut queue = self.reader.queue();
            queue.wanted.push((key, sender));
            std::mem::replace(&mut queue.is_read, true)
        };
        if !is_read {
            let reading = Reading(Arc::clone(self));
            drop(background::handle().spawn_blocking(move || reading.read_all()));
        }
        if let Ok(read) = tokio::time::timeout(PATIENCE, &mut told).await {
            return read.unwrap_or_else(|_| Err(ended()));
        }
        let Some(place) = self.reader.place() else { return told.await.unwrap_or_else(|_| Err(ended())) };
        let core = Arc::clone(self);
        let (sender, read) = oneshot::channel();
        drop(background::handle().spawn_blocking(move || {
            let _place = place;
            // Whoever has left needs no answer.
            if !sender.is_closed() {
                let _ = sender.send(core.kept(key));
            }
        }));
        read.await.unwrap_or_else(|_| Err(ended()))
    }
}

/// The one who reads.
struct Reading(Arc<Core>);

impl Reading {
    fn read_all(&self) {
        loop {
            let wanted = {
                let mut queue = self.0.reader.queue();
                if queue.wanted.is_empty() {
                    queue.is_read = false;
                    return;
                }
                std::mem::take(&mut queue.wanted)
            };
            for (key, sender) in wanted {
                // Whoever has left needs no answer.
                if !sender.is_closed() {
                    let _ = sender.send(self.0.kept(key));
                }
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // Also where the store panics, or no thread was there. Two who read do no harm.
        self.0.reader.queue().is_read = false;
    }
}
