//! The right to run one operation, from its grant to what became of it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use resilience_policy::idempotent::Guarantee;

use super::SiteLedger;
use super::codec::{Codec, kept};
use super::write::Unsent;
use crate::call::pause;
use crate::context::{self, Operation};
use crate::edge::{Edge, Effect, Happened, Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::ledger::{Body, Hold, Ledger, Request, Stored as Record, Written};
use crate::runtime::InUse;
use crate::{Class, Kind};

/// The right to run an operation. Dropped without a settlement (a caller that went away, a timeout around it, a
/// panic), it leaves the operation in doubt.
pub struct Claim {
    pub(super) site: &'static SiteLedger,
    pub(super) shared: InUse,
    pub(super) hold: Hold,
    /// Attempts of this call that may have taken effect before the claim.
    before: u32,
    /// An attempt of this claim may have taken effect, as far as is known outside of the call.
    ran: bool,
    open: bool,
}

/// Renews until the claim is lost; then the end of the operation will find out.
async fn renew(ledger: &dyn Ledger, hold: &Hold, lease: Duration) {
    // The shortest time that a timer knows.
    let period = (lease / 3).max(Duration::from_millis(1));
    loop {
        pause(period).await;
        if let Ok(Written::LeaseLost) = ledger.renew(*hold, lease).await {
            return std::future::pending().await;
        }
    }
}

/// What becomes of the record.
enum End {
    Keep(Body),
    Release,
    InDoubt,
}

impl Claim {
    pub(super) fn new(site: &'static SiteLedger, shared: InUse, request: &Request<'_>, fence: u64) -> Self {
        let hold = Hold { key: request.key, owner: request.owner, fence };
        let before = context::with(|context| {
            context.operation = Some(Arc::new(Operation { key: Some(hold.key), fence: Some(fence) }));
            context.effects()
        });
        Self { site, shared, hold, before, ran: false, open: true }
    }

    /// Runs the operation, and renews the claim while it is pending.
    pub async fn keep<F: Future>(&mut self, mut body: Pin<&mut F>) -> F::Output {
        let (before, ran) = (self.before, &mut self.ran);
        let mut renewal = pin!(renew(self.shared.ledger(), &self.hold, self.site.params.lease));
        poll_fn(|cx| {
            // So it stays where the body panics.
            *ran = true;
            let polled = body.as_mut().poll(cx);
            *ran = context::with(|context| context.effects()) > before;
            if polled.is_pending() {
                // It ends only where there is nothing left to renew.
                let _ = renewal.as_mut().poll(cx);
            }
            polled
        })
        .await
    }

    /// Writes what became of the operation.
    pub async fn settle<R: Returns>(
        &mut self,
        outcome: Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> Outcome<R::Value, R::Error> {
        let end = self.judge(&outcome, edge, codec);
        let result = match end {
            End::InDoubt => return outcome, // said by the drop of the claim
            End::Keep(body) => Some(Record { version: self.site.params.version, body }),
            End::Release => None,
        };
        // From here on the write decides, and a caller who goes away no longer leaves the operation in doubt.
        self.open = false;
        let lost = Unsent::new(self, result).send().await == Some(Written::LeaseLost);
        if lost && outcome.is_ok() { Err(reject(Kind::LeaseLost, self.site.site).into()) } else { outcome }
    }

    fn judge<R: Returns>(
        &self,
        outcome: &Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> End {
        let at_most_once = self.site.params.guarantee == Guarantee::AtMostOnce;
        match outcome {
            Ok(value) => End::Keep(kept((codec.encode)(value), Body::Value)),
            Err(Stop::Failure(error)) => match ((edge.effect)(error), codec.encode_error) {
                (Effect { class: Some(Class::Permanent), .. }, Some(encode)) => {
                    End::Keep(kept(encode(error), Body::Error))
                }
                _ if !self.ran => End::Release,
                (Effect { happened: Happened::Unknown, .. }, _) => End::InDoubt,
                _ if at_most_once => End::InDoubt,
                _ => End::Release,
            },
            Err(Stop::Rejection(_)) if self.ran => End::InDoubt,
            Err(Stop::Rejection(_)) => End::Release,
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.open {
            self.shared.ledger().abandon(self.hold, self.ran);
            if self.ran {
                emit(&Event { site: self.site.site.name(), decision: Decision::InDoubt });
            }
        }
    }
}
