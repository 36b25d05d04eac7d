//! How a call gets its permits: at once, after a wait, or not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::RateLimit;
use super::state::{Answer, State};
use crate::context::{self, Context};
use crate::event::reject;
use crate::state::InUse;
use crate::time::Tick;
use crate::{Error, Kind, Site};

/// A call that asks for its permits.
#[must_use = "futures do nothing unless polled"]
pub struct Turn<'a> {
    limit: &'a RateLimit,
    site: &'static Site,
    weight: u32,
    stage: Stage<'a>,
}

enum Stage<'a> {
    /// Not polled yet. There is a state where a key has chosen one, and an error where there was no key.
    Asks(Result<Option<Arc<State>>, Error>),
    Waits(Ticket<'a>),
    Decided,
}

/// A reservation. Dropped, it gives the permits back, unless they are spent.
struct Ticket<'a> {
    state: InUse<'a, State>,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.state.give_back(self.number, Tick::now());
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

impl<'a> Turn<'a> {
    pub(super) fn new(
        limit: &'a RateLimit,
        site: &'static Site,
        weight: u32,
        chosen: Result<Option<Arc<State>>, Error>,
    ) -> Self {
        Self { limit, site, weight, stage: Stage::Asks(chosen) }
    }

    /// The first poll.
    fn arrive(&mut self, chosen: Option<Arc<State>>, waker: &task::Waker) -> Poll<Result<(), Error>> {
        let Self { limit, weight, .. } = *self;
        if weight == 0 {
            return Poll::Ready(Ok(()));
        }
        let burst = limit.params.largest_burst();
        if weight > burst {
            let why =
                format!("its weight of {weight} is larger than the burst of {burst}: it can never pass");
            return Poll::Ready(Err(reject(Kind::RateLimited, self.site).because(why)));
        }
        let state = chosen.map_or_else(|| limit.in_use(), InUse::Other);
        let now = Tick::now();
        match state.pass(&limit.params, weight, now) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(at) => self.wait(state, at, now, waker),
        }
    }

    /// There are not enough permits before `at`.
    fn wait(
        &mut self,
        state: InUse<'a, State>,
        at: Tick,
        now: Tick,
        waker: &task::Waker,
    ) -> Poll<Result<(), Error>> {
        let RateLimit { params, .. } = self.limit;
        let Some(max_wait) = params.max_wait else {
            return Poll::Ready(Err(reject(Kind::RateLimited, self.site).after(at.since(now))));
        };
        let bounds = Bounds { own: now.after(max_wait), deadline: context::with(Context::deadline) };
        let bearable = |at| bounds.refuse(at).is_none();
        match state.join(params, self.weight, now, bearable, waker) {
            Answer::Passes => Poll::Ready(Ok(())),
            Answer::Waits(number, at) => {
                self.stage = Stage::Waits(Ticket { state, number });
                context::with(|context| context.reached(at));
                Poll::Pending
            }
            Answer::TooLong(at) => {
                let kind = bounds.refuse(at).unwrap_or(Kind::RateLimited);
                Poll::Ready(Err(reject(kind, self.site).after(at.since(now))))
            }
        }
    }
}

impl Future for Turn<'_> {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let ticket = match std::mem::replace(&mut self.stage, Stage::Decided) {
            Stage::Asks(Ok(chosen)) => return self.arrive(chosen, cx.waker()),
            Stage::Asks(Err(error)) => return Poll::Ready(Err(error)),
            Stage::Waits(ticket) => ticket,
            Stage::Decided => return Poll::Pending,
        };
        let at = ticket.state.moment(ticket.number, cx.waker());
        if !context::with(|context| context.reached(at)) {
            self.stage = Stage::Waits(ticket);
            return Poll::Pending;
        }
        ticket.state.spend(ticket.number, Tick::now());
        drop(ticket);
        // Polled late: the call would be cut as soon as it begins.
        let late = |context: &mut Context| context.deadline().is_some_and(|deadline| deadline <= Tick::now());
        let late = context::with(late);
        Poll::Ready(if late { Err(reject(Kind::DeadlineExceeded, self.site)) } else { Ok(()) })
    }
}
