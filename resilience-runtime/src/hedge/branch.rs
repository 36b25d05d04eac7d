//! One of several attempts that run side by side.

use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use crate::context::{self, Part};
use crate::replicas::{Path, picks};
use crate::time::Tick;

/// An attempt, with its own part of the call's context.
pub(super) struct Branch<P> {
    future: Pin<P>,
    part: Part,
    /// Read only where its time is observed.
    start: Option<Tick>,
}

impl<F: Future, P: DerefMut<Target = Option<F>>> Branch<P> {
    /// It begins at its first poll, which follows at once. The future may be filled in before.
    pub(super) fn new(number: usize, future: Pin<P>, start: Option<Tick>) -> Self {
        let path = picks::path().branch(number);
        Self { future, part: context::with(|context| context.part(path)), start }
    }

    /// Puts the attempt where it is to run.
    pub(super) fn fill(&mut self, attempt: F) {
        self.future.set(Some(attempt));
    }

    /// What it came to, once: it is dropped then.
    pub(super) fn poll(&mut self, cx: &mut task::Context<'_>) -> Option<F::Output> {
        let future = self.future.as_mut().as_pin_mut()?;
        match context::within(&mut self.part, || future.poll(cx)) {
            Poll::Pending => None,
            Poll::Ready(output) => {
                self.stop();
                Some(output)
            }
        }
    }

    /// Drops it, wherever it is.
    pub(super) fn stop(&mut self) {
        self.future.set(None);
    }

    pub(super) fn is_running(&self) -> bool {
        self.future.is_some()
    }

    /// How long ago it began, where that is measured.
    pub(super) fn time(&self, now: Tick) -> Duration {
        self.start.map_or(Duration::ZERO, |start| now.since(start))
    }

    /// By which what it has picked is found.
    pub(super) fn path(&self) -> Path {
        self.part.path
    }

    pub(super) fn part(&mut self) -> &mut Part {
        &mut self.part
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::task::Waker;

    use super::*;
    use crate::Site;
    use crate::call::within;
    use crate::context::Context;

    static SITE: Site = Site::without_function("inner");

    fn limit() -> Option<Tick> {
        context::with(Context::deadline)
    }

    fn is_exhausted() -> bool {
        context::with(|context| context.exhausted().is_some())
    }

    /// Sets a limit at each of its three polls, as a timeout does, and a mark where it is the first attempt.
    fn attempt(number: u32) -> impl Future<Output = ()> {
        let (mut polls, mut mine) = (0, None);
        poll_fn(move |_| {
            assert_eq!(limit(), mine, "attempt {number}");
            assert_eq!(is_exhausted(), number == 1 && polls > 0);
            polls += 1;
            mine = context::with(|context| {
                context.limit = Some(context.limit_in(Duration::from_secs(1) * (10 * number + polls)));
                if number == 1 {
                    context.exhaust(&SITE);
                }
                context.deadline()
            });
            if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    fn in_a_call(work: impl FnOnce()) {
        let mut call = context::with(Context::child);
        within(&mut call, work);
    }

    #[test]
    fn each_has_its_own_part_while_it_is_polled() {
        in_a_call(apart);
    }

    fn apart() {
        let cx = &mut task::Context::from_waker(Waker::noop());
        let mut one = Branch::new(0, Box::pin(Some(attempt(1))), None);
        let mut two = Branch::new(1, Box::pin(Some(attempt(2))), None);
        for ends in [false, false, true] {
            assert_eq!(one.poll(cx).is_some(), ends);
            assert_eq!(two.poll(cx).is_some(), ends);
            assert!(limit().is_none() && !is_exhausted(), "nothing is left behind");
        }
        assert!(!one.is_running() && one.poll(cx).is_none(), "over");
        let part = std::mem::take(one.part());
        context::with(|context| context.adopt(part));
        assert!(is_exhausted() && limit().is_none(), "its marks are the call's, its limit is not");
    }

    #[test]
    fn a_panic_leaves_nothing_behind() {
        let cx = &mut task::Context::from_waker(Waker::noop());
        let panics = poll_fn(|_| -> Poll<()> {
            context::with(|context| context.exhaust(&SITE));
            panic!("of the body");
        });
        let mut branch = Branch::new(0, Box::pin(Some(panics)), None);
        in_a_call(|| {
            assert!(catch_unwind(AssertUnwindSafe(|| branch.poll(cx))).is_err());
            assert!(!is_exhausted());
        });
    }

    #[test]
    fn stopped_it_is_dropped_at_once() {
        let held = std::rc::Rc::new(());
        let mut slot = pin!(Some({
            let held = std::rc::Rc::clone(&held);
            async move {
                pending::<()>().await;
                drop(held);
            }
        }));
        let mut branch = Branch::new(0, slot.as_mut(), None);
        assert!(branch.poll(&mut task::Context::from_waker(Waker::noop())).is_none() && branch.is_running());
        branch.stop();
        assert_eq!(std::rc::Rc::strong_count(&held), 1);
    }
}
