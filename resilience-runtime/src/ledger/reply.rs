use std::fmt;
use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::LedgerError;

type Answer<T> = Result<T, LedgerError>;

/// The answer of a ledger: at once, or after a while. What is there at once costs no allocation.
#[must_use = "futures do nothing unless polled"]
pub struct Reply<'a, T>(When<'a, T>);

enum When<'a, T> {
    Now(Ready<Answer<T>>),
    Later(Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>),
}

impl<'a, T> Reply<'a, T> {
    /// It is known.
    pub fn now(answer: Answer<T>) -> Self {
        Self(When::Now(ready(answer)))
    }

    /// The answer, if it is there and good. For one that has not been polled.
    #[inline]
    pub(crate) fn at_once(self) -> Result<T, Self> {
        match self.0 {
            When::Now(answer) => answer.into_inner().map_err(|error| Self::now(Err(error))),
            later @ When::Later(_) => Err(Self(later)),
        }
    }

    /// It is what this future gives.
    pub fn later(answer: impl Future<Output = Answer<T>> + Send + 'a) -> Self {
        Self(When::Later(Box::pin(answer)))
    }
}

impl<T> Future for Reply<'_, T> {
    type Output = Answer<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<T>> {
        match &mut self.0 {
            When::Now(answer) => Pin::new(answer).poll(cx),
            When::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}

impl<T> fmt::Debug for Reply<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
