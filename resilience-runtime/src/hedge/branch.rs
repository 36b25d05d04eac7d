//! One of several attempts that run side by side.

use std::ops::DerefMut;
use std::pin::Pin;
use std::task::{self, Poll};

use crate::context::{self, Context, Part};
use crate::time::Tick;

/// An attempt, with its own part of the call's context.
pub(super) struct Branch<P> {
    future: Pin<P>,
    part: Part,
    /// Read only where its time is observed.
    start: Option<Tick>,
}

impl<F: Future, P: DerefMut<Target = Option<F>>> Branch<P> {
    /// It begins at its first poll, which follows at once.
    pub(super) fn new(future: Pin<P>, start: Option<Tick>) -> Self {
        Self { future, part: context::with(|context| Context::part(context)), start }
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

    pub(super) fn start(&self) -> Option<Tick> {
        self.start
    }

    pub(super) fn part(&mut self) -> &mut Part {
        &mut self.part
    }
}
