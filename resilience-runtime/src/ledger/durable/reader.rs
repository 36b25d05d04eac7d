//! Reads of the store, on a thread that may be kept waiting. One of them reads for all who come meanwhile: to wake a thread
//! costs more than most reads.

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

/// What the store has of a key.
type Kept = Result<Option<Box<Record>>, LedgerError>;

#[derive(Default)]
pub(super) struct Reader(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    wanted: Vec<(IdempotencyKey, oneshot::Sender<Kept>)>,
    /// Somebody reads, and comes back for more.
    is_read: bool,
}

impl Reader {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Core {
    /// The record as the store has it, expired or not.
    pub(super) async fn read(self: &Arc<Self>, key: IdempotencyKey) -> Kept {
        let (sender, told) = oneshot::channel();
        let is_read = {
            let mut queue = self.reader.queue();
            queue.wanted.push((key, sender));
            std::mem::replace(&mut queue.is_read, true)
        };
        if !is_read {
            let reading = Reading(Arc::clone(self));
            drop(background::handle().spawn_blocking(move || reading.read_all()));
        }
        if let Ok(Ok(kept)) = tokio::time::timeout(PATIENCE, told).await {
            return kept;
        }
        let core = Arc::clone(self);
        let read = background::handle().spawn_blocking(move || core.kept(key)).await;
        read.unwrap_or_else(|error| Err(LedgerError::new(error.to_string())))
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
