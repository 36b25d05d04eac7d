//! When the timeouts that a call is under cut it.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use super::Timeout;
use crate::context::{self, Context, Limit};
use crate::event::{Decision, Event, emit, reject};
use crate::time::Tick;
use crate::{Error, Kind};

/// The timeouts of one stretch of a call, by their levels, the outermost first: those that run. A cut ends one, and all those
/// further in.
pub struct Timeouts<'a, const N: usize> {
    pub(crate) plans: [Option<Plan<'a>>; N],
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
        Plan::end(&mut self.plans[level]);
    }

    /// Which of the first `begun` of them has cut what was waited for.
    pub fn cut(&self, begun: usize) -> Option<usize> {
        self.plans[..begun].iter().position(Option::is_none)
    }

    /// Waits for `part`, up to the first cut, in a stretch that is itself a part of what its call waits for.
    pub fn run<F: Future<Output: Cuttable>>(&mut self, part: F) -> Timed<'_, Self, F> {
        Timed { timeouts: self, part }
    }
}

/// What a timeout can cut.
pub trait Cuttable {
    /// It was cut, by this rejection.
    fn cut(rejection: Error) -> Self;
}

impl<T, E: From<Error>> Cuttable for Result<T, E> {
    fn cut(rejection: Error) -> Self {
        Err(rejection.into())
    }
}

impl<T: Cuttable> Cuttable for Option<T> {
    fn cut(rejection: Error) -> Self {
        Some(T::cut(rejection))
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Timeouts::run`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Timed<'a, T, F> {
        timeouts: &'a mut T,
        #[pin]
        part: F,
    }
}

impl<F: Future<Output: Cuttable>, const N: usize> Future for Timed<'_, Timeouts<'_, N>, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.part.poll(cx);
        if polled.is_ready() {
            return polled;
        }
        cut(&mut this.timeouts.plans)
            .map_or(Poll::Pending, |rejection| Poll::Ready(F::Output::cut(rejection)))
    }
}

/// What is under them is pending: the rejection, where one of them cuts it. They are asked from the innermost.
pub(crate) fn cut(plans: &mut [Option<Plan<'_>>]) -> Option<Error> {
    let (level, site, kind) = context::with(|context| {
        let running =
            plans.iter().enumerate().rev().filter_map(|(level, plan)| Some((level, plan.as_ref()?)));
        let mut cut =
            running.filter_map(|(level, plan)| Some((level, plan.timeout.owner.site(), plan.cut(context)?)));
        cut.next()
    })?;
    plans[level..].fill_with(|| None);
    Some(reject(kind, site))
}

/// What was decided when the time of a timeout began.
pub(crate) struct Plan<'a> {
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

    /// The limit around is put back, unless that was cut. As far as somebody has looked at the clock, it is told whether the end
    /// was late.
    fn end(place: &mut Option<Self>) {
        let Some(plan) = place else { return };
        let late = context::with(|context| {
            context.limit = plan.around;
            plan.by != By::Outer && context.rang && context.is_over(plan.limit())
        });
        if late {
            emit(&Event { site: plan.timeout.owner.name(), decision: Decision::Late });
        }
        *place = None;
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
