//! How a call gets its permits: at once, after a wait, or not.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use super::RateLimit;
use super::count::Count;
use super::fleet::{self, Pot, Verdict};
use super::gcra::Rate;
use super::state::Answer;
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
    Asks(Result<Option<Arc<Count>>, Error>),
    Waits(Ticket<'a>),
    /// The fleet's store is asked, or will be.
    Draws(fleet::Ticket, Bounds),
    Decided,
}

/// A reservation. Dropped, it gives the permits back, unless they are spent.
struct Ticket<'a> {
    count: InUse<'a, Count>,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.count.here.give_back(self.number, Tick::now());
    }
}

/// Up to when a call may wait.
struct Bounds {
    own: Tick,
    deadline: Option<Tick>,
}

impl Bounds {
    /// Of a call that comes now. Who does not wait has no time for it.
    fn of(max_wait: Option<Duration>, now: Tick) -> Self {
        Self { own: now.after(max_wait.unwrap_or_default()), deadline: context::with(Context::deadline) }
    }

    /// The latest moment that it is not refused for.
    fn latest(&self) -> Tick {
        let before = |deadline: Tick| Tick::of(deadline.nanos() - 1);
        self.deadline.map_or(self.own, |deadline| self.own.min(before(deadline)))
    }

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
        chosen: Result<Option<Arc<Count>>, Error>,
    ) -> Self {
        Self { limit, site, weight, stage: Stage::Asks(chosen) }
    }

    /// The first poll.
    fn arrive(&mut self, chosen: Option<Arc<Count>>, waker: &task::Waker) -> Poll<Result<(), Error>> {
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
        let count = chosen.map_or_else(|| limit.in_use(), InUse::Other);
        if let Some(pot) = count.fleet(limit) {
            return self.draw(pot, waker);
        }
        let now = Tick::now();
        match count.here.pass(Rate::of(&limit.params), weight, now) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(at) => self.wait(count, at, now, waker),
        }
    }

    /// There are not enough permits before `at`.
    fn wait(
        &mut self,
        count: InUse<'a, Count>,
        at: Tick,
        now: Tick,
        waker: &task::Waker,
    ) -> Poll<Result<(), Error>> {
        let RateLimit { params, .. } = self.limit;
        let Some(max_wait) = params.max_wait else {
            return Poll::Ready(Err(reject(Kind::RateLimited, self.site).after(at.since(now))));
        };
        let bounds = Bounds::of(Some(max_wait), now);
        let bearable = |at| bounds.refuse(at).is_none();
        match count.here.join(Rate::of(params), self.weight, now, bearable, waker) {
            Answer::Passes => Poll::Ready(Ok(())),
            Answer::Waits(number, at) => {
                self.stage = Stage::Waits(Ticket { count, number });
                context::with(|context| context.poll_again(at));
                Poll::Pending
            }
            Answer::TooLong(at) => {
                let kind = bounds.refuse(at).unwrap_or(Kind::RateLimited);
                Poll::Ready(Err(reject(kind, self.site).after(at.since(now))))
            }
        }
    }
}

/// Of a limit that the fleet shares.
impl Turn<'_> {
    fn draw(&mut self, pot: &Arc<Pot>, waker: &task::Waker) -> Poll<Result<(), Error>> {
        let bounds = Bounds::of(self.limit.params.max_wait, Tick::now());
        match pot.come(self.weight, bounds.latest(), waker) {
            Ok(ticket) => self.look(ticket, bounds, waker),
            Err(Verdict::Passes) => Poll::Ready(Ok(())),
            Err(verdict) => Poll::Ready(self.hear(verdict, &bounds)),
        }
    }

    /// Whether the store has answered. How long that takes is no wait for permits, but the deadline counts.
    fn look(
        &mut self,
        ticket: fleet::Ticket,
        bounds: Bounds,
        waker: &task::Waker,
    ) -> Poll<Result<(), Error>> {
        let mut at = match ticket.look(waker) {
            fleet::Answer::Decided(verdict) => return Poll::Ready(self.hear(verdict, &bounds)),
            fleet::Answer::Waits(at) => at,
        };
        // Where a timeout cuts the call, it is a timeout.
        if let Some(deadline) = context::with(Context::unwatched_deadline) {
            if deadline <= Tick::now() {
                return Poll::Ready(Err(reject(Kind::DeadlineExceeded, self.site)));
            }
            at = at.min(deadline);
        }
        context::with(|context| context.poll_again(at));
        self.stage = Stage::Draws(ticket, bounds);
        Poll::Pending
    }

    fn hear(&self, verdict: Verdict, bounds: &Bounds) -> Result<(), Error> {
        let now = Tick::now();
        match verdict {
            Verdict::Passes if bounds.deadline.is_some_and(|deadline| deadline <= now) => {
                Err(reject(Kind::DeadlineExceeded, self.site))
            }
            Verdict::Passes => Ok(()),
            Verdict::TooLong(at) => {
                let kind = bounds.refuse(at).unwrap_or(Kind::RateLimited);
                Err(reject(kind, self.site).after(at.since(now)))
            }
            Verdict::Down(until, why) => {
                Err(reject(Kind::Store, self.site).after(until.since(now)).because(&*why))
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
            Stage::Draws(ticket, bounds) => return self.look(ticket, bounds, cx.waker()),
            Stage::Decided => return Poll::Pending,
        };
        let at = ticket.count.here.moment(ticket.number, cx.waker());
        if !context::with(|context| context.reached(at)) {
            self.stage = Stage::Waits(ticket);
            return Poll::Pending;
        }
        ticket.count.here.spend(ticket.number, Tick::now());
        drop(ticket);
        // Polled late: the call would be cut as soon as it begins.
        let late = |context: &mut Context| context.deadline().is_some_and(|deadline| deadline <= Tick::now());
        let late = context::with(late);
        Poll::Ready(if late { Err(reject(Kind::DeadlineExceeded, self.site)) } else { Ok(()) })
    }
}
