//! The last write of a claim, which outlives the call where it must.

use std::time::Duration;

use resilience_policy::idempotent::Idempotent;

use crate::Site;
use crate::event::{Decision, Event, emit};
use crate::ledger::{Hold, LedgerError, Stored as Record, Written, later};
use crate::runtime::InUse;
use crate::time;

/// The last write of a claim.
#[derive(Clone)]
pub(super) struct Write {
    pub(super) shared: InUse,
    pub(super) hold: Hold,
    /// `None` releases it.
    pub(super) result: Option<Record>,
    pub(super) params: &'static Idempotent,
}

impl Write {
    async fn send(&self) -> Result<Written, LedgerError> {
        match &self.result {
            Some(result) => self.shared.ledger().complete(self.hold, result.clone(), self.params.ttl).await,
            None => self.shared.ledger().release(self.hold).await,
        }
    }

    /// Goes on in the background until the ledger is back. What the ledger never hears of ends with the lease.
    async fn insist(self) {
        let mut wait = Duration::from_millis(50);
        let end = later(time::now(), self.params.lease);
        while time::now() < end && !self.shared.ledger().has_stopped() {
            time::pause(wait).await;
            if self.send().await.is_ok() {
                return;
            }
            wait = (wait * 2).min(Duration::from_secs(5));
        }
        self.shared.ledger().abandon(self.hold, self.result.is_some());
    }
}

/// A write under way. One that the ledger did not take, or that was dropped before, goes on in the background.
pub(super) struct Unsent {
    pub(super) site: &'static Site,
    pub(super) write: Option<Write>,
}

impl Unsent {
    pub(super) async fn send(mut self) -> Option<Written> {
        let written = self.write.as_ref()?.send().await.ok()?;
        self.write = None;
        Some(written)
    }
}

impl Drop for Unsent {
    fn drop(&mut self) {
        let Some(write) = self.write.take() else { return };
        emit(&Event { site: self.site.name(), decision: Decision::Unrecorded });
        if write.shared.ledger().has_stopped() {
            return;
        }
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => drop(handle.spawn(write.insist())),
            Err(_) => write.shared.ledger().abandon(write.hold, write.result.is_some()),
        }
    }
}
