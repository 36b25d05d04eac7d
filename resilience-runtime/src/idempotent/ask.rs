//! The question whether an operation may run, asked again while another call runs it.

use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use super::{Claim, Entry, Record, SiteLedger};
use crate::context;
use crate::event::reject;
use crate::ledger::{Asking, Claimed, Request, Unanswered};
use crate::runtime::InUse;
use crate::time::Tick;
use crate::{Error, Kind};

/// What a call asks, and whom.
pub struct Question<'a> {
    pub(super) site: &'static SiteLedger,
    /// An error: nobody can be asked.
    pub(super) asked: Result<Asked<'a>, Error>,
}

pub(super) struct Asked<'a> {
    pub(super) shared: InUse,
    pub(super) request: Request<'a>,
}

impl Question<'_> {
    /// The right, or why there is none.
    pub fn answer(&self) -> Ask<'_> {
        Ask { question: self, stage: Stage::New, start: None, sent: None }
    }
}

/// The future of [`Question::answer`]. No `async fn`, which each annotated function would compile anew.
#[must_use = "futures do nothing unless polled"]
pub struct Ask<'a> {
    question: &'a Question<'a>,
    stage: Stage<'a>,
    /// When it began to wait.
    start: Option<Tick>,
    /// When it last asked. The ledger in memory grants in the same breath, and needs no clock.
    sent: Option<Tick>,
}

enum Stage<'a> {
    New,
    Asks(Asking<'a>),
    Waits { ended: Pin<Box<dyn Future<Output = Option<Record>> + Send + 'a>>, until: Tick },
}

impl<'a> Ask<'a> {
    fn ask(&mut self, Asked { shared, request }: &'a Asked<'a>) -> Result<Claimed, Asking<'a>> {
        self.sent = shared.memory().is_none().then(Tick::now);
        Asking::now(shared.ledger(), request)
    }

    /// Another call runs the operation: waits for it, no longer than this one may take itself.
    fn wait(
        &mut self,
        Asked { shared, request }: &'a Asked<'a>,
        fence: u64,
        left: Duration,
    ) -> Result<(), Error> {
        let site = self.question.site;
        let now = Tick::now();
        let start = *self.start.get_or_insert(now);
        let until = site.waits_until(start).filter(|until| *until > now);
        let until = until.ok_or_else(|| reject(Kind::InProgress, site.site).after(left))?;
        // A lease that ends first can be taken over.
        let ended = shared.ledger().ended(request.key, fence);
        self.stage = Stage::Waits { ended, until: until.min(now.after(left)) };
        Ok(())
    }

    fn poll_answer(&mut self, cx: &mut task::Context<'_>) -> Poll<Result<Entry, Error>> {
        let Question { site, asked } = self.question;
        let asked = asked.as_ref().map_err(Error::clone)?;
        let Asked { shared, request } = asked;
        loop {
            let claimed = match &mut self.stage {
                Stage::New => match self.ask(asked) {
                    Ok(claimed) => Ok(claimed),
                    Err(asking) => {
                        self.stage = Stage::Asks(asking);
                        continue;
                    }
                },
                Stage::Asks(asking) => ready!(Pin::new(asking).poll(cx)),
                Stage::Waits { ended, until } => match ended.as_mut().poll(cx) {
                    Poll::Ready(Some(record)) => Ok(Claimed::Done(record)),
                    Poll::Pending if !context::with(|context| context.reached(*until)) => {
                        return Poll::Pending;
                    }
                    _ => {
                        self.stage = Stage::New;
                        continue;
                    }
                },
            };
            let kind = match claimed {
                Ok(Claimed::Granted { fence }) => {
                    let claim = Claim::new(site, shared.clone(), request, fence, self.sent);
                    return Poll::Ready(Ok(Entry::Run(claim)));
                }
                Ok(Claimed::Done(record)) => return Poll::Ready(Ok(Entry::Known(record))),
                Ok(Claimed::Running { fence, left }) => {
                    self.wait(asked, fence, left)?;
                    continue;
                }
                Ok(Claimed::InDoubt) => Kind::OutcomeUnknown,
                Ok(Claimed::Mismatch) => Kind::KeyReused,
                Err(Unanswered::Late) => Kind::DeadlineExceeded,
                Err(Unanswered::Failed(error)) => return Poll::Ready(Err(site.store(error))),
            };
            return Poll::Ready(Err(reject(kind, site.site)));
        }
    }
}

impl Future for Ask<'_> {
    type Output = Entry;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Entry> {
        self.poll_answer(cx).map(|answer| answer.unwrap_or_else(Entry::Rejected))
    }
}
