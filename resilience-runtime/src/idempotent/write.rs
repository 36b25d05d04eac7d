//! The last write of a claim, which outlives the call where it must.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use resilience_policy::idempotent::Idempotent;

use super::Claim;
use crate::backoff::Backoff;
use crate::context::{self, Context};
use crate::event::{Decision, Event, emit};
use crate::ledger::{Hold, Reply, Stored as Record, Written, later};
use crate::runtime::InUse;
use crate::time;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The last write of a claim.
struct Write {
    shared: InUse,
    hold: Hold,
    /// `None` releases it.
    result: Option<Record>,
    params: &'static Idempotent,
}

fn write<'a>(
    shared: &'a InUse,
    hold: Hold,
    result: Option<&Record>,
    params: &Idempotent,
) -> Reply<'a, Written> {
    match result {
        Some(result) => shared.ledger().complete(hold, result.clone(), params.ttl),
        None => shared.ledger().release(hold),
    }
}

impl Write {
    /// Goes on in the background until the ledger is back. What the ledger never hears of ends with the lease.
    async fn insist(self) {
        let mut pauses = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
        let end = later(time::now(), self.params.lease);
        while time::now() < end && !self.shared.ledger().has_stopped() {
            time::pause(pauses.next(&mut fastrand::Rng::new())).await;
            if write(&self.shared, self.hold, self.result.as_ref(), self.params).await.is_ok() {
                return;
            }
        }
        self.shared.ledger().abandon(self.hold, self.result.is_some());
    }
}

/// Whether a deadline has come that no timeout watches; if not, the call is polled again when it does.
fn is_over(context: &mut Context) -> bool {
    context.unwatched_deadline().is_some_and(|deadline| context.reached(deadline))
}

/// A write under way. One that the ledger did not take, or that was dropped before, goes on in the background.
pub(super) struct Unsent<'a> {
    claim: &'a Claim,
    result: Option<Record>,
    is_sent: bool,
}

impl<'a> Unsent<'a> {
    pub(super) fn new(claim: &'a Claim, result: Option<Record>) -> Self {
        Self { claim, result, is_sent: false }
    }

    /// Waits for the ledger, but not past the deadline of the call: a timeout cuts the call there, and where none does, the
    /// wait ends by itself.
    pub(super) async fn send(&mut self) -> Option<Written> {
        let Claim { shared, hold, site, .. } = self.claim;
        let mut reply = write(shared, *hold, self.result.as_ref(), site.params);
        let written = poll_fn(|cx| match Pin::new(&mut reply).poll(cx) {
            Poll::Ready(written) => Poll::Ready(written.ok()),
            Poll::Pending if context::with(is_over) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        });
        let written = written.await?;
        self.is_sent = true;
        Some(written)
    }
}

impl Drop for Unsent<'_> {
    fn drop(&mut self) {
        if self.is_sent {
            return;
        }
        let Claim { shared, hold, site, .. } = self.claim;
        emit(&Event { site: site.site.name(), decision: Decision::Unrecorded });
        if shared.ledger().has_stopped() {
            return;
        }
        let result = self.result.take();
        let write = Write { shared: shared.clone(), hold: *hold, result, params: site.params };
        shared.background.spawn(write.insist());
    }
}
