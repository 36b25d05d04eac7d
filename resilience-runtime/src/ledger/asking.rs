//! A claim under way. A caller that goes away before the answer leaves no claim behind.

use std::pin::Pin;
use std::task::{Context, Poll};

use super::{Claimed, Ledger, LedgerError, Reply, Request};
use crate::context;

/// Why a claim has no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    Failed(LedgerError),
    /// The deadline of the call has come first.
    Late,
}

/// The future of a claim: what the ledger says, up to a deadline around the call that nobody else watches. No `async fn`,
/// which each annotated function would compile anew.
pub(crate) struct Asking<'a> {
    ledger: &'a dyn Ledger,
    request: &'a Request<'a>,
    reply: Option<Reply<'a, Claimed>>,
    /// It was sent before, and had no answer.
    again: bool,
    /// There is nothing to withdraw.
    answered: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn of(ledger: &'a dyn Ledger, request: &'a Request<'a>) -> Self {
        Self { ledger, request, reply: None, again: false, answered: false }
    }

    /// What the ledger says at once; else the future, which has begun. Most ledgers of one process need none.
    #[inline]
    pub(crate) fn now(ledger: &'a dyn Ledger, request: &'a Request<'a>) -> Result<Claimed, Self> {
        ledger.claim(request).at_once().map_err(|reply| Self {
            ledger,
            request,
            reply: Some(reply),
            again: false,
            answered: false,
        })
    }
}

impl Future for Asking<'_> {
    type Output = Result<Claimed, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            let mut reply = this.reply.take().unwrap_or_else(|| this.ledger.claim(this.request));
            let Poll::Ready(claimed) = Pin::new(&mut reply).poll(cx) else {
                this.reply = Some(reply);
                let is_late = context::with(|context| {
                    let deadline = context.unwatched_deadline();
                    deadline.is_some_and(|deadline| context.reached(deadline))
                });
                return if is_late { Poll::Ready(Err(Unanswered::Late)) } else { Poll::Pending };
            };
            return Poll::Ready(match claimed {
                Ok(claimed) => {
                    // One that was sent before, and had no answer, may stand beside another answer.
                    this.answered = !this.again || matches!(claimed, Claimed::Granted { .. });
                    Ok(claimed)
                }
                // Once more, by the same owner: where only the answer was lost, the claim is ours.
                Err(error) if error.may_be_repeated() && !std::mem::replace(&mut this.again, true) => {
                    continue;
                }
                Err(error) => {
                    this.answered = !this.again && !error.may_have_been_sent();
                    Err(Unanswered::Failed(error))
                }
            });
        }
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        // It goes first: whatever the ledger does in it is over.
        self.reply = None;
        if !self.answered {
            self.ledger.withdraw(self.request.key, self.request.owner);
        }
    }
}
