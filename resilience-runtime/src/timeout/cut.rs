//! When the timeouts that a call is under cut it.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use super::Timeout;
use crate::context::{self, Context, Limit};
use crate::edge::Stop;
use crate::event::{Decision, Event, emit, reject};
use crate::time::Tick;
use crate::{Error, Kind};

/// The timeouts of one stretch of a call, by their levels, the outermost first. All that is waited for under some of them is
/// waited for by [`run`](Self::run).
pub struct Timeouts<'a, const N: usize> {
    plans: [Option<Plan<'a>>; N],
}

impl<'a, const N: usize> Timeouts<'a, N> {
    /// None has begun.
    #[allow(clippy::new_without_default)] // it is not a value for its own sake
    pub const fn new() -> Self {
        Self { plans: [const { None }; N] }
    }

    /// The time of `timeout` begins.
    pub fn begin(&mut self, level: usize, timeout: &'a Timeout) -> Result<(), Error> {
        Plan::begin(&mut self.plans[level], timeout, None)
    }

    /// The same for a time of this call's own.
    pub fn begin_for(&mut self, level: usize, timeout: &'a Timeout, after: Duration) -> Result<(), Error> {
        Plan::begin(&mut self.plans[level], timeout, Some(after))
    }

    /// What was under this timeout has ended.
    pub fn end(&mut self, level: usize) {
        if let Some(plan) = self.plans[level].take() {
            plan.end();
        }
    }

    /// Waits for `future`, up to the first cut. Who is cut drops it right after.
    pub fn run<F: Future>(&mut self, future: F) -> Timed<'_, 'a, F> {
        Timed { plans: &mut self.plans, future }
    }
}

/// A timeout has cut the call.
#[derive(Debug)]
pub struct Cut {
    /// Which one.
    pub level: usize,
    /// As what.
    pub error: Error,
}

impl<E> From<Cut> for Stop<E> {
    fn from(cut: Cut) -> Self {
        cut.error.into()
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Timeouts::run`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Timed<'a, 'b, F> {
        plans: &'a mut [Option<Plan<'b>>],
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Timed<'_, '_, F> {
    type Output = Result<F::Output, Cut>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.future.poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => cut(this.plans).map_or(Poll::Pending, |cut| Poll::Ready(Err(cut))),
        }
    }
}

/// Whether one of them cuts what is pending, the innermost first.
fn cut(plans: &mut [Option<Plan<'_>>]) -> Option<Cut> {
    let running = plans.iter().enumerate().rev().filter_map(|(level, plan)| Some((level, plan.as_ref()?)));
    let (level, plan, kind) = context::with(|context| {
        let mut running = running;
        running.find_map(|(level, plan)| Some((level, plan, plan.cut(context)?)))
    })?;
    let error = reject(kind, plan.timeout.owner.site());
    plans[level..].fill_with(|| None);
    Some(Cut { level, error })
}

/// What was decided when the time of a timeout began.
struct Plan<'a> {
    timeout: &'a Timeout,
    /// The limit around, put back at the end.
    around: Option<Limit>,
    /// The limit, without what only the context needs: a call carries a plan for each of its timeouts.
    at: Tick,
    from_start: bool,
    /// The time is the same for all calls, whose deadlines then come in the order in which they began.
    is_written: bool,
    by: By,
}

/// Who cuts the call, and as what.
#[derive(Clone, Copy, PartialEq)]
enum By {
    /// This timeout, at its own limit.
    Own,
    /// This timeout, at the deadline around it, which nobody else in this task watches.
    Around,
    /// A timeout further out, which fires first.
    Outer,
}

impl<'a> Plan<'a> {
    /// Sets the deadline of the call to the nearer of the two. What was decided is written where it stays. An error is that of a
    /// call that has no time to begin.
    fn begin(
        place: &mut Option<Self>,
        timeout: &'a Timeout,
        of_this_call: Option<Duration>,
    ) -> Result<(), Error> {
        let after = of_this_call.unwrap_or(timeout.params.after);
        if after.is_zero() {
            return Err(reject(Kind::Timeout, timeout.owner.site()).without_time());
        }
        let has_begun = context::with(|context| {
            let around = context.limit;
            let own = context.limit_in(after);
            let nearer = around.filter(|outer| context.comes_first(*outer, own));
            let (limit, by) = match nearer {
                None => (own, By::Own),
                Some(outer) if outer.is_watched => (own, By::Outer),
                Some(outer) if context.is_over(outer) => return false,
                Some(outer) => (outer, By::Around),
            };
            context.limit = Some(nearer.unwrap_or(own).watched());
            let Limit { at, from_start, .. } = limit;
            *place = Some(Self { timeout, around, at, from_start, is_written: of_this_call.is_none(), by });
            true
        });
        if has_begun { Ok(()) } else { Err(reject(Kind::DeadlineExceeded, timeout.owner.site())) }
    }

    fn limit(&self) -> Limit {
        Limit { at: self.at, from_start: self.from_start, is_watched: true }
    }

    /// The limit around is put back. As far as somebody has looked at the clock, it is told whether the end was late.
    fn end(&self) {
        let late = context::with(|context| {
            context.limit = self.around;
            self.by != By::Outer && context.rang && context.is_over(self.limit())
        });
        if late {
            emit(&Event { site: self.timeout.owner.name(), decision: Decision::Late });
        }
    }

    /// What is under it is pending: what that is to be cut as, if it is.
    fn cut(&self, context: &mut Context) -> Option<Kind> {
        let (kind, grace) = match self.by {
            By::Own => (Kind::Timeout, Duration::ZERO),
            // It fires first, unless this call was moved away from under it: then a little later is soon enough.
            By::Outer => (Kind::Timeout, Duration::from_millis(1)),
            By::Around => (Kind::DeadlineExceeded, Duration::ZERO),
        };
        let at = context.resolve(self.limit()).after(grace);
        let list = if self.by == By::Own && self.is_written { self.timeout.list() } else { None };
        if !context.reached_in(at, list) {
            return None;
        }
        context.limit = self.around;
        Some(kind)
    }
}
