//! The right to run one operation, from its grant to what became of it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use resilience_policy::idempotent::Guarantee;

use super::SiteLedger;
use super::codec::Codec;
use super::write::Unsent;
use crate::call::pause;
use crate::context::{self, Operation};
use crate::edge::{Edge, Effect, Happened, Outcome, Returns, Stop};
use crate::event::{Decision, Event, emit, reject};
use crate::ledger::term::Term;
use crate::ledger::{Body, Hold, Ledger, Request, Stored as Record, Written};
use crate::runtime::InUse;
use crate::time::Tick;
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
    /// For how long nobody else can have taken the claim over. It matters up to the first attempt.
    term: Option<Term>,
    open: bool,
}

/// Renews once, when it is time to. Gives the moment from which the new lease counts; nothing, if the claim is lost.
async fn renewed(ledger: &dyn Ledger, hold: &Hold, lease: Duration) -> Option<Tick> {
    // The shortest time that a timer knows.
    let period = (lease / 3).max(Duration::from_millis(1));
    loop {
        pause(period).await.ok();
        let sent = Tick::now();
        match ledger.renew(*hold, lease).await {
            Ok(Written::Yes) => return Some(sent),
            Ok(Written::LeaseLost) => return None,
            Err(_) => {}
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
    /// What was asked for at `sent` is granted.
    pub(super) fn new(
        site: &'static SiteLedger,
        shared: InUse,
        request: &Request<'_>,
        fence: u64,
        sent: Option<Tick>,
    ) -> Self {
        let hold = Hold { key: request.key, owner: request.owner, fence };
        let before = context::with(|context| {
            context.operation = Some(Arc::new(Operation { key: Some(hold.key), fence: Some(fence) }));
            context.effects()
        });
        let term = sent.map(|sent| Term::granted(request.lease, sent));
        Self { site, shared, hold, before, ran: false, term, open: true }
    }

    /// Runs the operation, and renews the claim while it is pending. An operation that has not begun when its lease is
    /// over does not begin: the whole process may have stood still, and somebody else may have run it meanwhile.
    pub async fn keep<T, E, F>(&mut self, mut body: Pin<&mut F>) -> Outcome<T, E>
    where
        F: Future<Output = Outcome<T, E>>,
    {
        let Self { site, shared, hold, before, ran, term, open } = self;
        let lease = site.params.lease;
        let renew = || renewed(shared.ledger(), hold, lease);
        // Nothing, once the claim is lost. Where the body has begun, its end will find out.
        let mut renewal = pin!(Some(renew()));
        let ended = poll_fn(|cx| {
            if !*ran && term.is_some_and(|term| term.is_over(Tick::now())) {
                return Poll::Ready(None);
            }
            // So it stays where the body panics.
            *ran = true;
            let polled = body.as_mut().poll(cx);
            *ran = context::with(|context| context.effects()) > *before;
            if polled.is_ready() {
                return polled.map(Some);
            }
            if !*ran {
                // From the ledger in memory, and a moment ago.
                term.get_or_insert_with(|| Term::granted(lease, Tick::now()));
            }
            while let Some(Poll::Ready(sent)) = renewal.as_mut().as_pin_mut().map(|renewal| renewal.poll(cx))
            {
                *term = sent.map(|sent| Term::granted(lease, sent));
                renewal.set(sent.map(|_| renew()));
            }
            if renewal.is_none() && !*ran { Poll::Ready(None) } else { Poll::Pending }
        })
        .await;
        ended.unwrap_or_else(|| {
            shared.ledger().abandon(*hold, false);
            *open = false;
            Err(reject(Kind::LeaseLost, site.site).into())
        })
    }

    /// Writes what became of the operation.
    pub async fn settle<R: Returns>(
        &mut self,
        outcome: Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> Outcome<R::Value, R::Error> {
        if !self.open {
            return outcome; // it never began
        }
        let end = self.judge(&outcome, edge, codec);
        let result = match end {
            End::InDoubt => return outcome, // said by the drop of the claim
            End::Keep(body) => Some(Record { version: self.site.params.version, body }),
            End::Release => None,
        };
        // From here on the write decides, and a caller who goes away no longer leaves the operation in doubt.
        self.open = false;
        // What was to be kept and is not, a failure too, is not what the operation came to: another one decides that.
        let is_kept = result.is_some();
        let lost = Unsent::new(self, result).send().await == Some(Written::LeaseLost);
        if lost && is_kept { Err(reject(Kind::LeaseLost, self.site.site).into()) } else { outcome }
    }

    fn judge<R: Returns>(
        &self,
        outcome: &Outcome<R::Value, R::Error>,
        edge: &Edge<R>,
        codec: &Codec<R>,
    ) -> End {
        let at_most_once = self.site.params.guarantee == Guarantee::AtMostOnce;
        match outcome {
            Ok(value) => End::Keep(self.site.kept(&codec.value, value, Body::Value)),
            Err(Stop::Failure(error)) => match ((edge.effect)(error), &codec.error) {
                (Effect { class: Some(Class::Permanent), .. }, Some(form)) => {
                    End::Keep(self.site.kept(form, error, Body::Error))
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
