//! How a call gets its place: at once, after a wait, or not.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use resilience_policy::bulkhead::Bulkhead as Params;
use tokio::runtime::Handle;

use super::Bulkhead;
use super::places::{Answer, Places};
use crate::context::{self, Context};
use crate::event::reject;
use crate::state::InUse;
use crate::time::Tick;
use crate::{Error, Kind, Site};

/// A place inside. It is given back when this is dropped.
///
/// (All of the drop is here: each function that holds a place would drop it by code of its own.)
#[must_use = "a place that is dropped at once bounds nothing"]
pub struct Place<'a>(ManuallyDrop<Option<InUse<'a, Places>>>);

impl<'a> Place<'a> {
    fn new(places: InUse<'a, Places>) -> Self {
        Self(ManuallyDrop::new(Some(places)))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(places) = self.0.take() {
            places.release();
        }
    }
}

/// A call that asks to be let in.
#[must_use = "futures do nothing unless polled"]
pub struct Admission<'a> {
    bulkhead: &'a Bulkhead,
    site: &'static Site,
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Not polled yet. There is a state where a key has chosen one, and an error where there was no key.
    Asks(Result<Option<Arc<Places>>, Error>),
    Waits(Wait<'a>),
    Decided,
}

struct Wait<'a> {
    end: Option<End>,
    /// `None` if the place came too late, and went on to the next.
    ticket: Option<Ticket<'a>>,
    /// When it looks whether somebody in front of it was left alone.
    look: Tick,
}

/// When the wait is over without a place, and as what.
#[derive(Clone, Copy)]
struct End {
    at: Tick,
    kind: Kind,
    /// A timeout further out cuts the call in the same poll, unless this call was moved away from under it.
    yields: bool,
}

impl End {
    fn of(params: &Params, context: &mut Context) -> Option<Self> {
        let deadline = context.limit.map(|limit| Self {
            at: context.resolve(limit),
            kind: Kind::DeadlineExceeded,
            yields: limit.is_watched,
        });
        let own = params.max_wait.map(|wait| Self {
            at: Tick::now().after(wait),
            kind: Kind::BulkheadFull,
            yields: false,
        });
        match (own, deadline) {
            (Some(own), Some(deadline)) if deadline.at < own.at => Some(deadline),
            (None, deadline) => deadline,
            (own, _) => own,
        }
    }

    /// Whether it has come.
    fn has_come(&mut self, context: &mut Context) -> bool {
        if !context.reached(self.at) {
            return false;
        }
        if !std::mem::take(&mut self.yields) {
            return true;
        }
        self.at = Tick::now().after(Duration::from_millis(1));
        context.reached(self.at)
    }
}

/// A place in the queue. Dropped, it makes room; was a place inside offered to it, that goes on to the next.
struct Ticket<'a> {
    places: Option<InUse<'a, Places>>,
    number: u64,
}

impl<'a> Ticket<'a> {
    /// The place, if there is one for it; if not, when it looks again.
    fn redeem(&mut self, max: u32, waker: &task::Waker) -> Result<Option<Place<'a>>, Tick> {
        if let Some(places) = &self.places {
            places.look(self.number, max, Tick::now(), waker)?;
        }
        Ok(self.places.take().map(Place::new))
    }

    /// Leaves the queue, unless a place is on offer for it.
    fn give_up(&mut self) -> Option<Place<'a>> {
        let places = self.places.take()?;
        if places.leave(self.number) { None } else { Some(Place::new(places)) }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}

impl<'a> Admission<'a> {
    pub(super) fn new(
        bulkhead: &'a Bulkhead,
        site: &'static Site,
        chosen: Result<Option<Arc<Places>>, Error>,
    ) -> Self {
        Self { bulkhead, site, stage: Stage::Asks(chosen) }
    }

    /// The first poll.
    fn arrive(&mut self, chosen: Option<Arc<Places>>, waker: &task::Waker) -> Poll<Result<Place<'a>, Error>> {
        let Bulkhead { params, .. } = self.bulkhead;
        let places = chosen.map_or_else(|| self.bulkhead.in_use(), InUse::Other);
        if places.enter(params.max) {
            return Poll::Ready(Ok(Place::new(places)));
        }
        match places.arrive(params.max, params.queue, Tick::now(), waker) {
            Answer::Inside => Poll::Ready(Ok(Place::new(places))),
            Answer::Full => Poll::Ready(Err(reject(Kind::BulkheadFull, self.site))),
            Answer::Waits(number, look) => {
                let ticket = Some(Ticket { places: Some(places), number });
                let end = context::with(|context| End::of(params, context));
                self.wait(Wait { end, ticket, look })
            }
        }
    }

    /// Goes on with the wait, unless it is over.
    fn wait(&mut self, mut wait: Wait<'a>) -> Poll<Result<Place<'a>, Error>> {
        if let Some(end) = &mut wait.end
            && context::with(|context| end.has_come(context))
        {
            // A place that comes in this very moment goes on to the next.
            drop(wait.ticket.take());
            return Poll::Ready(Err(reject(end.kind, self.site)));
        }
        // Outside of tokio there is no timer, and a wait without a limit must do without: it still hears of its own offer.
        if wait.ticket.is_some() && Handle::try_current().is_ok() {
            context::with(|context| context.poll_again(wait.look));
        }
        self.stage = Stage::Waits(wait);
        Poll::Pending
    }
}

impl<'a> Future for Admission<'a> {
    type Output = Result<Place<'a>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut wait = match std::mem::replace(&mut self.stage, Stage::Decided) {
            Stage::Asks(Ok(chosen)) => return self.arrive(chosen, cx.waker()),
            Stage::Asks(Err(error)) => return Poll::Ready(Err(error)),
            Stage::Waits(wait) => wait,
            Stage::Decided => return Poll::Pending,
        };
        match wait.ticket.as_mut().map(|ticket| ticket.redeem(self.bulkhead.params.max, cx.waker())) {
            Some(Ok(place)) => {
                let late = |context: &mut Context| context.deadline().is_some_and(|at| at <= Tick::now());
                if let Some(place) = place.filter(|_| !context::with(late)) {
                    return Poll::Ready(Ok(place));
                }
                // The call would be cut as soon as it begins: the place has gone on to the next.
                wait.ticket = None;
            }
            Some(Err(look)) => wait.look = look,
            None => {}
        }
        self.wait(wait)
    }
}
