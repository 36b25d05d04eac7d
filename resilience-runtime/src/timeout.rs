//! The engine of `#[timeout]`.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use resilience_policy::timeout::Timeout;

use crate::context::{self, Context, Limit};
use crate::edge::Outcome;
use crate::event::{Decision, Event, emit, reject};
use crate::{Kind, Site};

/// The timeout of one site.
pub struct SiteTimeout {
    site: &'static Site,
    params: &'static Timeout,
}

impl SiteTimeout {
    /// Stateless.
    pub const fn new(site: &'static Site, params: &'static Timeout) -> Self {
        Self { site, params }
    }

    /// Cuts `future` after its time, or at the deadline around it if that is nearer. The future is dropped by its owner,
    /// right after.
    pub fn cut<'a, F>(&'static self, future: Pin<&'a mut F>) -> Timed<'a, F> {
        Timed { future, timeout: self, plan: None }
    }
}

/// The future of [`SiteTimeout::cut`].
#[must_use = "futures do nothing unless polled"]
pub struct Timed<'a, F> {
    future: Pin<&'a mut F>,
    timeout: &'static SiteTimeout,
    plan: Option<Plan>,
}

/// What was decided when the call began.
#[derive(Clone, Copy)]
struct Plan {
    /// The limit around, put back at the end.
    around: Option<Limit>,
    limit: Limit,
    cut: Cut,
}

/// Who cuts the call, and as what.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// This timeout, at its own limit.
    Own,
    /// This timeout, at the deadline around it, which nobody else in this task watches.
    Around,
    /// A timeout further out, which fires first.
    Outer,
    /// The deadline around has passed before anything began.
    Passed,
}

impl Plan {
    /// Sets the deadline of the call to the nearer of the two.
    fn make(timeout: &Timeout, context: &mut Context) -> Self {
        let around = context.limit;
        let own = context.limit_in(timeout.after);
        let nearer = around.filter(|outer| context.comes_first(*outer, own));
        context.limit = Some(nearer.unwrap_or(own).watched());
        let (limit, cut) = match nearer {
            None => (own, Cut::Own),
            Some(outer) if outer.is_watched => (own, Cut::Outer),
            Some(outer) if context.is_over(outer) => (outer, Cut::Passed),
            Some(outer) => (outer, Cut::Around),
        };
        Self { around, limit, cut }
    }
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Future for Timed<'_, F> {
    type Output = Outcome<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let site = this.timeout.site;
        let plan = *this
            .plan
            .get_or_insert_with(|| context::with(|context| Plan::make(this.timeout.params, context)));
        let end = || context::with(|context| context.limit = plan.around);
        if plan.cut == Cut::Passed {
            end();
            return Poll::Ready(Err(reject(Kind::DeadlineExceeded, site).into()));
        }
        if let Poll::Ready(outcome) = this.future.as_mut().poll(cx) {
            if plan.cut != Cut::Outer && context::with(|context| context.rang && context.is_over(plan.limit))
            {
                emit(&Event { site: site.name(), decision: Decision::Late });
            }
            end();
            return Poll::Ready(outcome);
        }
        let (kind, grace) = match plan.cut {
            Cut::Own => (Kind::Timeout, Duration::ZERO),
            // It fires first, unless this call was moved away from under it: then a little later is soon enough.
            Cut::Outer => (Kind::Timeout, Duration::from_millis(1)),
            Cut::Around | Cut::Passed => (Kind::DeadlineExceeded, Duration::ZERO),
        };
        let fired = context::with(|context| {
            let at = context.resolve(plan.limit).after(grace);
            context.reached(at)
        });
        if !fired {
            return Poll::Pending;
        }
        end();
        Poll::Ready(Err(reject(kind, site).into()))
    }
}
