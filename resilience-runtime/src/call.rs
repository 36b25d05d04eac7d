//! A call of an annotated function: it has a context of its own, and one timer for all of its policies.
//!
//! The function's own coroutine runs the policies one after the other, and whatever it waits for it waits for by
//! [`Call::run`]. So no policy wraps what is below it in a future: what the compiler lays out for a call is the coroutine and
//! the body in it.

use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Duration;

use crate::Error;
use crate::context::{self, Alarm, Context};
use crate::edge::Outcome;
use crate::runtime;
use crate::time::{Tick, Timer};
use crate::timeout::{self, Cuttable, Plan, Timeouts};

/// One call, under so many timeouts. Its context is in place from [`enter`](Self::enter) to [`leave`](Self::leave), except
/// while it is pending.
pub struct Call<'a, const N: usize> {
    stage: Stage,
    /// Those that cut what it waits for.
    pub timeouts: Timeouts<'a, N>,
}

impl<const N: usize> Call<'_, N> {
    /// One that has not begun.
    #[allow(clippy::new_without_default)] // it is not a value for its own sake
    pub const fn new() -> Self {
        Self { stage: Stage::of(Context::NONE), timeouts: Timeouts::new() }
    }

    /// The call begins, inside of the one that runs now.
    pub fn enter(&mut self) {
        self.stage.enter();
    }

    /// Waits for a part of the call, up to the first cut. Who is cut drops it right after.
    pub fn run<F: Future<Output: Cuttable>>(&mut self, part: F) -> Running<'_, Self, F> {
        Running { call: self, part }
    }

    /// The call has ended: it tells the one around it what that must know.
    pub fn leave<T, E>(&mut self, outcome: &Outcome<T, E>) {
        self.stage.leave(outcome.is_err());
    }
}

/// What a call has whatever its policies are: none of its code is compiled again for another function.
struct Stage {
    /// The call's own; while that is in place, the one around it.
    context: ManuallyDrop<Context>,
    is_in_place: bool,
    /// Set to the nearest alarm. It may be earlier than needed: that costs a poll, and a change costs as much.
    timer: ManuallyDrop<Option<Timer>>,
}

impl Stage {
    const fn of(context: Context) -> Self {
        Self { context: ManuallyDrop::new(context), is_in_place: false, timer: ManuallyDrop::new(None) }
    }

    fn enter(&mut self) {
        runtime::touch();
        // Written where it stays, and without a look at what was there: a context is large, and that was an empty one.
        context::with(|current| {
            let child = current.child();
            self.context = ManuallyDrop::new(std::mem::replace(current, child));
        });
        self.is_in_place = true;
    }

    fn leave(&mut self, failed: bool) {
        self.take_away();
        let mine = &*self.context;
        // What a retry in here gave up on, a retry around here must not take up again.
        if let Some(site) = mine.exhausted().filter(|_| failed || mine.gave_up) {
            context::with(|around| around.exhaust(site));
        }
        if mine.is_degraded() {
            context::with(Context::degrade);
        }
    }

    /// The call is polled. Between two parts of it, which follow each other in one poll, its context stays in place.
    fn resume(&mut self, cx: &mut task::Context<'_>) {
        if self.is_in_place {
            return;
        }
        self.context.rang = rings(&mut self.timer, cx);
        self.context.alarm = None;
        self.put_in_place();
    }

    /// A part is pending, and so is the call: unless a timeout cuts the part, or its alarm goes off right away.
    fn suspend(
        &mut self,
        timeouts: &mut [Option<Plan<'_>>],
        cx: &mut task::Context<'_>,
    ) -> Poll<Option<Error>> {
        if let Some(rejection) = timeout::cut(timeouts) {
            return Poll::Ready(Some(rejection));
        }
        self.take_away();
        if rearmed(&mut self.context, &mut self.timer, cx) {
            self.put_in_place();
            return Poll::Ready(None);
        }
        Poll::Pending
    }

    fn put_in_place(&mut self) {
        put_in_place(&mut self.context);
        self.is_in_place = true;
    }

    fn take_away(&mut self) {
        take_away(&mut self.context);
        self.is_in_place = false;
    }
}

/// In place it is dropped by a panic: the coroutine that it belongs to was running. (All of the drop is here: each function would
/// have code of its own for it.)
impl Drop for Stage {
    fn drop(&mut self) {
        if self.is_in_place {
            self.take_away();
        }
        self.context.let_go();
        if self.timer.is_some() {
            *self.timer = None;
        }
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Call::run`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Running<'a, C, F> {
        call: &'a mut C,
        #[pin]
        part: F,
    }
}

impl<F: Future<Output: Cuttable>, const N: usize> Future for Running<'_, Call<'_, N>, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let Call { stage, timeouts } = this.call;
        stage.resume(cx);
        loop {
            if let Poll::Ready(output) = this.part.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            if let Some(rejection) = ready!(stage.suspend(&mut timeouts.plans, cx)) {
                return Poll::Ready(F::Output::cut(rejection));
            }
        }
    }
}

/// A call as a box. What awaits it holds the box, and neither its layout nor its being `Send` is looked for inside.
pub fn boxed<'a, R>(
    call: impl Future<Output = R> + Send + 'a,
) -> Pin<Box<dyn Future<Output = R> + Send + 'a>> {
    Box::pin(call)
}

/// The same for a call that stays on its thread.
pub fn boxed_local<'a, R>(call: impl Future<Output = R> + 'a) -> Pin<Box<dyn Future<Output = R> + 'a>> {
    Box::pin(call)
}

/// Runs the policies of an engine as a call.
pub(crate) async fn enter<F, T, E>(policies: Pin<&mut F>) -> Outcome<T, E>
where
    F: Future<Output = Outcome<T, E>>,
{
    let mut call = Call::<0>::new();
    call.enter();
    let outcome = call.run(policies).await;
    call.leave(&outcome);
    outcome
}

/// A part of a call on another thread, with the context that came along.
pub(crate) async fn go_on<F, T, E>(part: Pin<&mut F>, context: Context) -> Outcome<T, E>
where
    F: Future<Output = Outcome<T, E>>,
{
    let mut call = Call::<0> { stage: Stage::of(context), timeouts: Timeouts::new() };
    let outcome = call.run(part).await;
    call.leave(&outcome);
    outcome
}

/// Sets the timer to the alarm of a call that is pending. Whether it has fired right away.
fn rearmed(mine: &mut Context, timer: &mut Option<Timer>, cx: &mut task::Context<'_>) -> bool {
    let is_earlier = |alarm: &Alarm| timer.as_ref().is_none_or(|timer| timer.at() > alarm.at);
    let Some(alarm) = mine.alarm.filter(is_earlier) else { return false };
    *timer = None;
    // The time of a timeout has just begun. Any other moment may have passed.
    mine.rang = alarm.list.is_none() && alarm.at <= Tick::now();
    if !mine.rang {
        *timer = Some(Timer::new(alarm.at, alarm.list, cx));
        mine.rang = rings(timer, cx);
    }
    mine.alarm = None;
    mine.rang
}

/// Whether the timer has fired.
fn rings(timer: &mut Option<Timer>, cx: &mut task::Context<'_>) -> bool {
    let rang = timer.as_mut().is_some_and(|timer| timer.has_come(cx));
    if rang {
        *timer = None;
    }
    rang
}

/// Does something with this context in place of the one around it.
pub(crate) fn within<R>(mine: &mut Context, work: impl FnOnce() -> R) -> R {
    let _back = InPlace::of(mine);
    work()
}

/// A context is in place; the one around it is in its stead until the drop, also by a panic.
struct InPlace<'a>(&'a mut Context);

impl<'a> InPlace<'a> {
    fn of(mine: &'a mut Context) -> Self {
        put_in_place(mine);
        Self(mine)
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        take_away(self.0);
    }
}

/// Exchanged, not moved: a context is large, and every poll of every call comes by here.
fn put_in_place(mine: &mut Context) {
    mine.place_picks();
    context::with(|around| std::mem::swap(around, mine));
}

fn take_away(mine: &mut Context) {
    context::with(|current| std::mem::swap(current, mine));
    mine.take_picks();
}

/// Waits between two attempts: there is an error only where a timeout cuts it. Nothing is nothing: a timer of zero would cost a
/// millisecond.
pub fn pause(wait: Duration) -> Pause {
    Pause { until: if wait.is_zero() { None } else { Some(Tick::now().after(wait)) } }
}

/// The future of [`pause`].
#[must_use = "futures do nothing unless polled"]
pub struct Pause {
    until: Option<Tick>,
}

impl Future for Pause {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Self::Output> {
        match self.until {
            Some(until) if !context::with(|context| context.reached(until)) => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::Waker;

    use super::*;
    use crate::Error;

    fn is_in_a_call() -> bool {
        context::with(|context| !context.is_root())
    }

    #[test]
    fn a_panic_at_any_poll_puts_the_context_around_back() {
        let cx = &mut task::Context::from_waker(Waker::noop());
        for polls in [0, 1] {
            let mut polled = 0;
            let mut call = pin!(async {
                let future = pin!(poll_fn(|_| -> Poll<Outcome<(), Error>> {
                    assert!(is_in_a_call());
                    assert!(polled < polls, "of the body");
                    polled += 1;
                    Poll::Pending
                }));
                enter(future).await
            });
            for _ in 0..polls {
                assert!(call.as_mut().poll(cx).is_pending() && !is_in_a_call());
            }
            assert!(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).is_err());
            assert!(!is_in_a_call());
        }
    }
}
