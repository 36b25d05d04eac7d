//! The right to run, for as long as it is renewed.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::context::{self, Context, Operation};
use crate::edge::Outcome;
use crate::event::{Decision, Event, emit, reject};
use crate::ledger::term::{Next, Term};
use crate::ledger::{Hold, Reply, Request, Written};
use crate::runtime::InUse;
use crate::time::Tick;
use crate::{Kind, Site};

/// The right to run. Dropped before its end (a caller that went away, a timeout around it, a panic), it is given back at
/// once. Whoever holds it drops the body first.
pub struct Lead {
    site: &'static Site,
    shared: InUse,
    hold: Hold,
    term: Term,
    /// Nobody has given it back.
    open: bool,
}

/// Why a runner has lost its right.
#[derive(Debug, Clone, Copy)]
enum Lost {
    /// Somebody else has it.
    Taken,
    /// Somebody else may have it: it was not renewed in time.
    Lapsed,
}

impl Lost {
    fn words(self) -> &'static str {
        match self {
            Self::Taken => "taken over by another",
            Self::Lapsed => "not renewed in time",
        }
    }
}

/// A question that has no answer yet, and when it was asked.
type Asked<'a> = Option<(Tick, Reply<'a, Written>)>;

impl Lead {
    /// The ledger has granted what was asked for at `sent`.
    pub(super) fn new(
        site: &'static Site,
        shared: InUse,
        request: &Request<'_>,
        fence: u64,
        sent: Tick,
    ) -> Self {
        emit(&Event { site: site.name(), decision: Decision::Elected { token: fence } });
        context::with(|context| {
            // What the callee deduplicates on is still the operation around: two runs of a job are not one.
            let key = context.operation.as_ref().and_then(|operation| operation.key);
            context.operation = Some(Arc::new(Operation { key, fence: Some(fence) }));
        });
        let hold = Hold { key: request.key, owner: request.owner, fence };
        Self { site, shared, hold, term: Term::granted(request.lease, sent), open: true }
    }

    /// Runs the body, and renews the right while it is pending. Once the right may be another's, the body is not polled
    /// again: its owner drops it, and then this.
    pub async fn keep<T, E, F>(&mut self, mut body: Pin<&mut F>) -> Outcome<T, E>
    where
        F: Future<Output = Outcome<T, E>>,
    {
        let Self { shared, hold, term, .. } = self;
        let mut asked = None;
        let ended = poll_fn(|cx| {
            // Also where the whole process stood still: it wakes up here.
            if term.is_over(Tick::now()) {
                return Poll::Ready(Err(Lost::Lapsed));
            }
            match body.as_mut().poll(cx) {
                Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
                Poll::Pending => watch(shared, *hold, term, &mut asked, cx).map(Err),
            }
        })
        .await;
        drop(asked);
        match ended {
            Ok(outcome) => match self.give_back().await {
                Err(lost) if outcome.is_ok() => Err(self.lost(lost)),
                _ => outcome,
            },
            Err(lost) => Err(self.lost(lost)),
        }
    }

    /// Gives the right back, so that the next call finds it free. An error, if it was another's before.
    async fn give_back(&mut self) -> Result<(), Lost> {
        // The body can have been at work beyond the end of its term, in one go.
        let in_time = !self.term.is_over(Tick::now());
        let until = Tick::now().after(self.term.patience());
        // A deadline that nobody else watches bounds this wait, too.
        let deadline = context::with(Context::unwatched_deadline);
        let until = deadline.map_or(until, |deadline| deadline.min(until));
        let release = self.shared.ledger().release(self.hold);
        match tokio::time::timeout_at(until.instant(), release).await {
            Ok(Ok(written)) => {
                self.open = false;
                if written == Written::Yes { Ok(()) } else { Err(Lost::Taken) }
            }
            // What the ledger does not hear of ends with the lease.
            _ if in_time => Ok(()),
            _ => Err(Lost::Lapsed),
        }
    }

    fn lost<E: From<crate::Error>>(&self, lost: Lost) -> E {
        emit(&Event { site: self.site.name(), decision: Decision::LeaseLost { why: lost.words() } });
        reject(Kind::LeaseLost, self.site).into()
    }
}

/// Renews the right when it is time to. Ready once it is lost.
fn watch<'a>(
    shared: &'a InUse,
    hold: Hold,
    term: &mut Term,
    asked: &mut Asked<'a>,
    cx: &mut task::Context<'_>,
) -> Poll<Lost> {
    loop {
        let now = Tick::now();
        if let Some((sent, reply)) = asked
            && let Poll::Ready(answer) = Pin::new(reply).poll(cx)
        {
            match answer {
                Ok(Written::Yes) => term.renewed(*sent),
                Ok(Written::LeaseLost) => return Poll::Ready(Lost::Taken),
                Err(_) => term.failed(now),
            }
            *asked = None;
        }
        match term.next(now) {
            Next::Stop => return Poll::Ready(Lost::Lapsed),
            Next::Renew => {
                // One that has not been answered for so long is asked anew.
                term.asked(now);
                *asked = Some((now, shared.ledger().renew(hold, term.lease())));
            }
            Next::Run(until) if context::with(|context| context.reached(until)) => {}
            Next::Run(_) => return Poll::Pending,
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if self.open {
            // Whatever the body did, the next one may run: the right is free, and nothing is in doubt.
            self.shared.ledger().abandon(self.hold, false);
        }
    }
}
