//! The engine of `#[bulkhead]`.

mod places;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use resilience_policy::bulkhead::Bulkhead as Params;

use crate::context::{self, Context};
use crate::event::reject;
use crate::runtime;
use crate::time::Tick;
use crate::{Error, Kind, Site};
use places::{Answer, Places};

/// The bulkhead of one site: its home state, which serves unless a runtime's scope has one of its own.
pub struct SiteBulkhead {
    site: &'static Site,
    params: &'static Params,
    home: Places,
}

impl SiteBulkhead {
    /// Empty.
    pub const fn new(site: &'static Site, params: &'static Params) -> Self {
        Self { site, params, home: Places::new() }
    }

    /// Lets a call in, at once or after a wait, or rejects it.
    pub fn admit(&'static self) -> Admission {
        Admission { bulkhead: self, wait: None }
    }

    fn places(&'static self) -> InUse {
        match runtime::scoped_state(&self.home, Places::new) {
            Some(places) => InUse::Scope(places),
            None => InUse::Home(&self.home),
        }
    }
}

/// The places in use.
enum InUse {
    Home(&'static Places),
    Scope(Arc<Places>),
}

impl std::ops::Deref for InUse {
    type Target = Places;

    fn deref(&self) -> &Places {
        match self {
            Self::Home(places) => places,
            Self::Scope(places) => places,
        }
    }
}

/// A place inside. It is given back when this is dropped.
#[must_use = "a place that is dropped at once bounds nothing"]
pub struct Place(InUse);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// The future of [`SiteBulkhead::admit`].
#[must_use = "futures do nothing unless polled"]
pub struct Admission {
    bulkhead: &'static SiteBulkhead,
    /// Since the first poll, if it did not decide.
    wait: Option<Wait>,
}

struct Wait {
    end: Option<End>,
    /// `None` if the place came too late, and went on to the next.
    ticket: Option<Ticket>,
}

/// When the wait is over without a place, and as what.
#[derive(Clone, Copy)]
struct End {
    at: Tick,
    kind: Kind,
}

impl End {
    fn of(params: &Params, context: &mut Context) -> Option<Self> {
        // A timeout cuts the call at its own limit, unless this call was moved away from under it: then a little later
        // is soon enough.
        let grace = |watched| if watched { Duration::from_millis(1) } else { Duration::ZERO };
        let deadline = context.limit.map(|limit| context.resolve(limit).after(grace(limit.is_watched)));
        let deadline = deadline.map(|at| Self { at, kind: Kind::DeadlineExceeded });
        let own = params.max_wait.map(|wait| Self { at: Tick::now().after(wait), kind: Kind::BulkheadFull });
        match (own, deadline) {
            (Some(own), Some(deadline)) if deadline.at < own.at => Some(deadline),
            (None, deadline) => deadline,
            (own, _) => own,
        }
    }
}

/// A place in the queue. Dropped, it makes room; had its place inside come, that goes on to the next.
struct Ticket {
    places: Option<InUse>,
    number: u64,
}

impl Ticket {
    /// The place, if it has come.
    fn redeem(&mut self, waker: &task::Waker) -> Option<Place> {
        let has_come = self.places.as_ref()?.has_come(self.number, waker);
        if has_come { self.places.take().map(Place) } else { None }
    }

    /// Leaves the queue, unless the place has come meanwhile.
    fn give_up(&mut self) -> Option<Place> {
        let places = self.places.take()?;
        if places.leave(self.number) { None } else { Some(Place(places)) }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        drop(self.give_up());
    }
}

impl Admission {
    /// The first poll.
    fn arrive(&mut self, waker: &task::Waker) -> Poll<Result<Place, Error>> {
        let SiteBulkhead { site, params, .. } = self.bulkhead;
        let places = self.bulkhead.places();
        match places.arrive(params.max, params.queue, waker) {
            Answer::Inside => Poll::Ready(Ok(Place(places))),
            Answer::Full => Poll::Ready(Err(reject(Kind::BulkheadFull, site))),
            Answer::Waits(number) => {
                let ticket = Some(Ticket { places: Some(places), number });
                let end = context::with(|context| End::of(params, context));
                self.wait = Some(Wait { end, ticket });
                self.poll_end()
            }
        }
    }

    /// Nothing but the end of the wait is left to wait for.
    fn poll_end(&mut self) -> Poll<Result<Place, Error>> {
        let Some(Wait { end: Some(end), ticket }) = &mut self.wait else { return Poll::Pending };
        if !context::with(|context| context.reached(end.at)) {
            return Poll::Pending;
        }
        // A place that comes in this very moment goes on to the next.
        drop(ticket.take());
        Poll::Ready(Err(reject(end.kind, self.bulkhead.site)))
    }
}

impl Future for Admission {
    type Output = Result<Place, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Some(wait) = &mut self.wait else { return self.arrive(cx.waker()) };
        if let Some(place) = wait.ticket.as_mut().and_then(|ticket| ticket.redeem(cx.waker())) {
            let late = |context: &mut Context| context.deadline().is_some_and(|at| at <= Tick::now());
            if !context::with(late) {
                self.wait = None;
                return Poll::Ready(Ok(place));
            }
            // The call would be cut as soon as it begins: the place goes on to the next.
            wait.ticket = None;
        }
        self.poll_end()
    }
}
