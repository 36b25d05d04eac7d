//! The engine of `#[timeout]`.

use std::pin::{Pin, pin};
use std::task::{self, Poll, ready};

use resilience_policy::timeout::Timeout;
use tokio::task::coop::unconstrained;

use crate::context::{self, Bound, Context, Limit};
use crate::edge::Outcome;
use crate::event::{Decision, Event, emit, reject};
use crate::time::{self, Sleep};
use crate::{Kind, Site};

pin_project_lite::pin_project! {
    /// A call that is cut at its limit.
    #[must_use = "futures do nothing unless polled"]
    pub struct Timed<'a, F> {
        future: Pin<&'a mut F>,
        site: &'static Site,
        timeout: Timeout,
        plan: Option<Plan>,
        #[pin]
        timer: Option<Sleep>,
    }
}

/// What was decided when the call began.
struct Plan {
    /// The bound around, put back at the end.
    around: Bound,
    /// Who cuts the call, and as what.
    cut: Cut,
}

#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// This timeout, at its own limit.
    Own(Limit),
    /// This timeout, at the deadline around it, which nobody else in this task watches.
    Around(Limit),
    /// A timeout further out, which fires first.
    Outer,
    /// The deadline around has passed before anything began.
    Passed,
}

/// Cuts `future` after the time of `timeout`, or at the deadline around it if that is nearer. The future is dropped
/// by its owner, right after.
pub fn timeout<'a, F>(site: &'static Site, timeout: Timeout, future: Pin<&'a mut F>) -> Timed<'a, F> {
    Timed { future, site, timeout, plan: None, timer: None }
}

impl Plan {
    /// Sets the deadline of the call to the nearer of the two.
    fn make(timeout: Timeout, context: &mut Context) -> Self {
        let around = context.bound;
        let own = context.limit_in(timeout.after);
        let nearer = match (around.limit, own) {
            (Limit::None, _) => None,
            (Limit::FromStart(outer), Limit::FromStart(inner)) => (outer <= inner).then_some(around.limit),
            _ => (context.resolve(around.limit) <= context.resolve(own)).then_some(around.limit),
        };
        let cut = match nearer {
            None => Cut::Own(own),
            Some(_) if around.watched => Cut::Outer,
            Some(Limit::At(at)) if at <= time::now() => Cut::Passed,
            Some(limit) => Cut::Around(limit),
        };
        let limit = if let Cut::Own(own) = cut { own } else { around.limit };
        context.bound = Bound { limit, watched: true };
        Self { around, cut }
    }

    /// When to set a timer for, and what its firing means.
    fn fires(&self) -> Option<(Limit, Kind)> {
        match self.cut {
            Cut::Own(limit) => Some((limit, Kind::Timeout)),
            Cut::Around(limit) => Some((limit, Kind::DeadlineExceeded)),
            Cut::Outer | Cut::Passed => None,
        }
    }
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Future for Timed<'_, F> {
    type Output = Outcome<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let plan =
            this.plan.get_or_insert_with(|| context::with(|context| Plan::make(*this.timeout, context)));
        if plan.cut == Cut::Passed {
            context::with(|context| context.bound = plan.around);
            return Poll::Ready(Err(reject(Kind::DeadlineExceeded, this.site).into()));
        }
        if let Poll::Ready(outcome) = this.future.as_mut().poll(cx) {
            if this.timer.as_ref().as_pin_ref().is_some_and(|timer| timer.is_elapsed()) {
                emit(&Event { site: this.site.name(), decision: Decision::Late });
            }
            context::with(|context| context.bound = plan.around);
            return Poll::Ready(outcome);
        }
        let Some((limit, kind)) = plan.fires() else { return Poll::Pending };
        if this.timer.is_none() {
            let at = context::with(|context| context.resolve(limit));
            this.timer.set(at.map(time::sleep_until));
        }
        let Some(timer) = this.timer.as_pin_mut() else { return Poll::Pending };
        // The timer must fire even for a body that uses up tokio's budget at every poll.
        ready!(pin!(unconstrained(timer)).poll(cx));
        context::with(|context| context.bound = plan.around);
        Poll::Ready(Err(reject(kind, this.site).into()))
    }
}
