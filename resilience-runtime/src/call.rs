//! A call of an annotated function: it has a context of its own, and one timer for all of its policies.

use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;

use tokio::task::coop::unconstrained;

use crate::context::{self, Context};
use crate::edge::Outcome;
use crate::runtime;
use crate::time::{self, Sleep, Tick};

pin_project_lite::pin_project! {
    /// The future of [`enter`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Call<'a, F> {
        future: Pin<&'a mut F>,
        context: Option<Context>,
        // Set to the nearest alarm. It may be earlier than needed: that costs a poll, and a change costs as much.
        #[pin]
        timer: Option<Sleep>,
    }
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

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let mut mine = this.context.take().unwrap_or_else(|| {
            runtime::touch();
            context::with(Context::child)
        });
        mine.rang = rings(this.timer.as_mut(), cx);
        loop {
            mine.alarm = None;
            let entered = Entered::enter(mine);
            let polled = this.future.as_mut().poll(cx);
            mine = entered.leave();
            if let Poll::Ready(outcome) = &polled {
                // What a retry in here gave up on, a retry around here must not take up again.
                if let Some(site) = mine.exhausted()
                    && (outcome.is_err() || mine.gave_up)
                {
                    context::with(|around| around.exhaust(site));
                }
                if mine.is_degraded() {
                    context::with(Context::degrade);
                }
                return polled;
            }
            if let Some(alarm) = mine.alarm.map(Tick::instant)
                && this.timer.as_ref().as_pin_ref().is_none_or(|timer| timer.deadline() > alarm)
            {
                this.timer.set(Some(time::sleep_until(alarm)));
                mine.rang = rings(this.timer.as_mut(), cx);
                if mine.rang {
                    continue;
                }
            }
            *this.context = Some(mine);
            return Poll::Pending;
        }
    }
}

/// Whether the timer has fired. It must do so even for a body that uses up tokio's budget at every poll.
fn rings(mut timer: Pin<&mut Option<Sleep>>, cx: &mut task::Context<'_>) -> bool {
    let rang =
        timer.as_mut().as_pin_mut().is_some_and(|timer| pin!(unconstrained(timer)).poll(cx).is_ready());
    if rang {
        timer.set(None);
    }
    rang
}

/// Holds the context of the surroundings while another one is in place.
pub(crate) struct Entered {
    around: Option<Context>,
}

impl Entered {
    pub(crate) fn enter(mut mine: Context) -> Self {
        mine.place_picks();
        Self { around: Some(context::with(|current| std::mem::replace(current, mine))) }
    }

    pub(crate) fn leave(mut self) -> Context {
        self.put_back().unwrap_or(Context::NONE)
    }

    fn put_back(&mut self) -> Option<Context> {
        let around = self.around.take()?;
        let mut mine = context::with(|current| std::mem::replace(current, around));
        mine.take_picks();
        Some(mine)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.put_back();
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
