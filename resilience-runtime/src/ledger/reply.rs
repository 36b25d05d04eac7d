use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::LedgerError;

type Answer<T> = Result<T, LedgerError>;

/// The answer of a ledger: at once, or after a while. What is there at once costs no allocation.
pub(crate) enum Reply<'a, T> {
    Now(Ready<Answer<T>>),
    Later(Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>),
}

impl<'a, T> Reply<'a, T> {
    pub(crate) fn now(answer: Answer<T>) -> Self {
        Self::Now(ready(answer))
    }

    #[cfg_attr(not(feature = "durable"), expect(dead_code, reason = "the ledger in memory answers at once"))]
    pub(crate) fn later(answer: impl Future<Output = Answer<T>> + Send + 'a) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl<T> Future for Reply<'_, T> {
    type Output = Answer<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer<T>> {
        match &mut *self {
            Self::Now(answer) => Pin::new(answer).poll(cx),
            Self::Later(answer) => answer.as_mut().poll(cx),
        }
    }
}
