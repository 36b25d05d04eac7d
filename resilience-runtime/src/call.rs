//! A call of an annotated function: it has a context of its own, and one timer for all of its policies.

use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use crate::context::{self, Alarm, Context};
use crate::edge::Outcome;
use crate::runtime;
use crate::time::{Tick, Timer};

/// The future of [`enter`].
#[must_use = "futures do nothing unless polled"]
pub struct Call<'a, F> {
    future: Pin<&'a mut F>,
    context: Option<Context>,
    /// Set to the nearest alarm. It may be earlier than needed: that costs a poll, and a change costs as much.
    timer: Option<Timer>,
}

/// Gives the call a context of its own, in place while the call is polled.
pub fn enter<F>(future: Pin<&mut F>) -> Call<'_, F> {
    Call { future, context: None, timer: None }
}

/// A part of a call on another thread, with the context that came along.
pub(crate) fn go_on<F>(future: Pin<&mut F>, context: Context) -> Call<'_, F> {
    Call { future, context: Some(context), timer: None }
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Future for Call<'_, F> {
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(mine) = &mut this.context {
            mine.rang = rings(&mut this.timer, cx);
            mine.alarm = None;
        }
        loop {
            let place = InPlace::of_call(&mut this.context);
            let polled = this.future.as_mut().poll(cx);
            drop(place);
            let mine = this.context.as_mut().expect("it was made before the poll");
            if let Poll::Ready(outcome) = &polled {
                tell(mine, outcome.is_err());
                return polled;
            }
            if !rearmed(mine, &mut this.timer, cx) {
                return Poll::Pending;
            }
        }
    }
}

/// The call has ended: it tells the one around it what that must know.
fn tell(mine: &Context, failed: bool) {
    // What a retry in here gave up on, a retry around here must not take up again.
    if let Some(site) = mine.exhausted()
        && (failed || mine.gave_up)
    {
        context::with(|around| around.exhaust(site));
    }
    if mine.is_degraded() {
        context::with(Context::degrade);
    }
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

/// Does something with the context of a call in place of the one around it.
pub(crate) fn within<R>(mine: &mut Context, work: impl FnOnce() -> R) -> R {
    let _back = InPlace::of(mine);
    work()
}

/// The context of a call is in place; the one around it is in its stead until the drop, also by a panic.
struct InPlace<'a>(&'a mut Context);

impl<'a> InPlace<'a> {
    fn of(mine: &'a mut Context) -> Self {
        mine.place_picks();
        // Exchanged, not moved: a context is large, and every poll of every call comes by here.
        context::with(|around| std::mem::swap(around, mine));
        Self(mine)
    }

    /// At the first poll of a call its context is made right there.
    fn of_call(mine: &'a mut Option<Context>) -> Self {
        match mine {
            Some(mine) => Self::of(mine),
            None => {
                runtime::touch();
                Self(context::with(|around| {
                    let child = around.child();
                    mine.insert(std::mem::replace(around, child))
                }))
            }
        }
    }
}

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        context::with(|current| std::mem::swap(current, self.0));
        self.0.take_picks();
    }
}

/// Waits between two attempts. Nothing is nothing: a timer of zero would cost a millisecond.
pub fn pause(wait: Duration) -> Pause {
    Pause { until: if wait.is_zero() { None } else { Some(Tick::now().after(wait)) } }
}

/// The future of [`pause`].
#[must_use = "futures do nothing unless polled"]
pub struct Pause {
    until: Option<Tick>,
}

impl Future for Pause {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<()> {
        match self.until {
            Some(until) if !context::with(|context| context.reached(until)) => Poll::Pending,
            _ => Poll::Ready(()),
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
            let future = pin!(poll_fn(|_| -> Poll<Outcome<(), Error>> {
                assert!(is_in_a_call());
                assert!(polled < polls, "of the body");
                polled += 1;
                Poll::Pending
            }));
            let mut call = pin!(enter(future));
            for _ in 0..polls {
                assert!(call.as_mut().poll(cx).is_pending() && !is_in_a_call());
            }
            assert!(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).is_err());
            assert!(!is_in_a_call());
        }
    }
}
