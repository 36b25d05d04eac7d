//! A call of an annotated function: it has a context of its own, and one timer for all of its policies.

use std::future::poll_fn;
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
        let mine = this.context.get_or_insert_with(|| {
            runtime::touch();
            context::with(Context::child)
        });
        mine.rang = rings(this.timer.as_mut(), cx);
        loop {
            mine.alarm = None;
            let polled = within(mine, || this.future.as_mut().poll(cx));
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

/// Does something with the context of a call in place of the one around it.
pub(crate) fn within<R>(mine: &mut Context, work: impl FnOnce() -> R) -> R {
    mine.place_picks();
    // Exchanged, not moved: a context is large, and every poll of every call comes by here.
    context::with(|around| std::mem::swap(around, mine));
    let _back = InPlace(mine);
    work()
}

/// Puts the context of the surroundings back, also on a panic.
struct InPlace<'a>(&'a mut Context);

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

/// What `future` gives, unless the moment comes first. For the inside of a call.
pub(crate) async fn before<F: Future + Unpin>(moment: Tick, mut future: F) -> Option<F::Output> {
    let mut pause = Pause { until: Some(moment) };
    poll_fn(|cx| match Pin::new(&mut future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut pause).poll(cx).map(|()| None),
    })
    .await
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
