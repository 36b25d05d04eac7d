//! The store: it takes a write only with the newest token that it has seen, or a newer one.

use std::fmt;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Store {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    newest: u64,
    /// The accounts in the order in which they were settled, each with its token.
    settled: Vec<(u32, u64)>,
    refused: u32,
    tell: Option<Sender<()>>,
}

/// The token of a leader that has a successor.
#[derive(Debug)]
pub(crate) struct Stale {
    token: u64,
    newest: u64,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store refuses token {}, it has seen {}", self.token, self.newest)
    }
}

impl Store {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first account that nobody has settled.
    pub(crate) fn next_account(&self) -> u32 {
        self.lock().settled.iter().map(|(account, _)| account + 1).max().unwrap_or(1)
    }

    /// Settles an account, in one step with the check. In SQL: `UPDATE .. SET newest = $token WHERE newest <= $token`, in the
    /// transaction of the write.
    pub(crate) fn settle(&self, account: u32, token: u64) -> Result<(), Stale> {
        let mut inner = self.lock();
        if token < inner.newest {
            inner.refused += 1;
            return Err(Stale { token, newest: inner.newest });
        }
        inner.newest = token;
        inner.settled.push((account, token));
        if let Some(tell) = inner.tell.take() {
            let _ = tell.send(()); // nobody has to listen
        }
        Ok(())
    }

    pub(crate) fn tell_after_the_next_write(&self, tell: Sender<()>) {
        self.lock().tell = Some(tell);
    }

    pub(crate) fn refused(&self) -> u32 {
        self.lock().refused
    }

    /// Every account once, and no token after a newer one.
    pub(crate) fn is_in_order(&self) -> bool {
        let settled = &self.lock().settled;
        settled.is_sorted_by(|one, two| one.0 < two.0 && one.1 <= two.1) && !settled.is_empty()
    }

    pub(crate) fn summary(&self) -> String {
        let inner = self.lock();
        format!(
            "{} accounts settled, each once; refused writes of a leader that was one no longer: {}",
            inner.settled.len(),
            inner.refused
        )
    }
}
