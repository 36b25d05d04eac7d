//! The engine of `#[rate_limit]`.

mod state;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use resilience_policy::rate_limit::{RateLimit as Params, Weight};

use crate::context::{self, Context};
use crate::event::reject;
use crate::runtime;
use crate::time::Tick;
use crate::{Error, Kind, Site};
use state::{Answer, State};

/// The rate limit of one site: its home state, which serves unless a runtime's scope has one of its own.
pub struct SiteRateLimit {
    site: &'static Site,
    params: &'static Params,
    home: State,
}

impl SiteRateLimit {
    /// With a whole burst.
    pub const fn new(site: &'static Site, params: &'static Params) -> Self {
        Self { site, params, home: State::new() }
    }

    /// Lets a call through, at once or after a wait, or rejects it. Where only the call knows its weight, it brings it
    /// along.
    pub fn admit(&'static self, computed: Option<u32>) -> Turn {
        let weight = match (computed, self.params.weight) {
            (Some(weight), _) | (None, Weight::Fixed(weight)) => weight,
            (None, Weight::Computed(_)) => 1,
        };
        Turn { limit: self, weight, ticket: None }
    }

    fn reject(&self, kind: Kind) -> Error {
        reject(kind, self.site)
    }
}

/// The future of [`SiteRateLimit::admit`].
#[must_use = "futures do nothing unless polled"]
pub struct Turn {
    limit: &'static SiteRateLimit,
    weight: u32,
    /// Since the first poll, if it did not decide.
    ticket: Option<Ticket>,
}

/// A reservation. Dropped, it gives the permits back, unless they are spent.
struct Ticket {
    home: &'static State,
    scope: Option<Arc<State>>,
    number: u64,
}

impl Ticket {
    fn state(&self) -> &State {
        self.scope.as_deref().unwrap_or(self.home)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.state().give_back(self.number, Tick::now());
    }
}

/// Up to when a call may wait.
struct Bounds {
    own: Tick,
    deadline: Option<Tick>,
}

impl Bounds {
    /// What the call is rejected as if it would have to wait up to `at`.
    fn refuse(&self, at: Tick) -> Option<Kind> {
        match self.deadline {
            Some(deadline) if deadline <= self.own => (at >= deadline).then_some(Kind::DeadlineExceeded),
            _ => (at > self.own).then_some(Kind::RateLimited),
        }
    }
}

impl Turn {
    /// The first poll.
    fn arrive(&mut self, waker: &task::Waker) -> Poll<Result<(), Error>> {
        let Self { limit, weight, .. } = *self;
        if weight == 0 {
            return Poll::Ready(Ok(()));
        }
        let burst = limit.params.largest_burst();
        if weight > burst {
            let why =
                format!("its weight of {weight} is larger than the burst of {burst}: it can never pass");
            return Poll::Ready(Err(limit.reject(Kind::RateLimited).because(why)));
        }
        let scope = runtime::scoped_state(&limit.home, State::new);
        let now = Tick::now();
        match scope.as_deref().unwrap_or(&limit.home).pass(limit.params, weight, now) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(at) => self.wait(at, now, scope, waker),
        }
    }

    /// There are not enough permits before `at`.
    fn wait(
        &mut self,
        at: Tick,
        now: Tick,
        scope: Option<Arc<State>>,
        waker: &task::Waker,
    ) -> Poll<Result<(), Error>> {
        let SiteRateLimit { params, home, .. } = self.limit;
        let Some(max_wait) = params.max_wait else {
            return Poll::Ready(Err(self.limit.reject(Kind::RateLimited).after(at.since(now))));
        };
        let bounds = Bounds { own: now.after(max_wait), deadline: context::with(Context::deadline) };
        let bearable = |at| bounds.refuse(at).is_none();
        match scope.as_deref().unwrap_or(home).join(params, self.weight, now, bearable, waker) {
            Answer::Passes => Poll::Ready(Ok(())),
            Answer::Waits(number, at) => {
                self.ticket = Some(Ticket { home, scope, number });
                context::with(|context| context.reached(at));
                Poll::Pending
            }
            Answer::TooLong(at) => {
                let kind = bounds.refuse(at).unwrap_or(Kind::RateLimited);
                Poll::Ready(Err(self.limit.reject(kind).after(at.since(now))))
            }
        }
    }
}

impl Future for Turn {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Some(ticket) = &self.ticket else { return self.arrive(cx.waker()) };
        let at = ticket.state().moment(ticket.number, cx.waker());
        if !context::with(|context| context.reached(at)) {
            return Poll::Pending;
        }
        ticket.state().spend(ticket.number, Tick::now());
        self.ticket = None;
        // Polled late: the call would be cut as soon as it begins.
        let late = |context: &mut Context| context.deadline().is_some_and(|deadline| deadline <= Tick::now());
        Poll::Ready(if context::with(late) { Err(self.limit.reject(Kind::DeadlineExceeded)) } else { Ok(()) })
    }
}
