//! What came with a request, and what goes back with its response.

use std::fmt;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use http::HeaderMap;

use super::Protocol;
use crate::call;
use crate::context::{self, Context};
use crate::time::{Instant, Tick};

/// What a request says of the call that sent it. It comes from outside: the key is a text that the client chose, and the
/// deadline is the nearest that it can hope for.
#[derive(Clone)]
pub struct Received {
    protocol: Protocol,
    key: Option<Box<str>>,
    deadline: Option<Tick>,
    attempt: Option<u32>,
}

/// Without the key, which no text repeats.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, deadline, attempt, .. } = self;
        f.debug_struct("Received")
            .field("protocol", protocol)
            .field("deadline", deadline)
            .field("attempt", attempt)
            .finish_non_exhaustive()
    }
}

impl Received {
    pub(super) fn new(
        protocol: Protocol,
        key: Option<Box<str>>,
        left: Option<Duration>,
        attempt: Option<u32>,
    ) -> Self {
        Self { protocol, key, deadline: left.map(|left| Tick::now().after(left)), attempt }
    }

    /// The idempotency key of the client, of 1 to 255 characters. Two clients can choose the same one:
    /// `#[idempotent(key = key, scope = tenant)]`. As the `key` of an operation, `None` is an error.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The moment at which the client stops waiting, counted from the reading of the headers.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.map(Tick::instant)
    }

    /// The number of the attempt that sent this request, 1 for the first. `None`: a first one, or a client that does
    /// not count.
    pub fn attempt(&self) -> Option<u32> {
        self.attempt
    }

    /// Runs the handler of the request under the deadline of the client, and says beside its output what the client
    /// should know about repeating.
    ///
    /// The deadline is set as by [`context::with_deadline`](crate::context::with_deadline): it cuts nothing by itself,
    /// the policies of the annotated functions inside keep it. Dropping the future drops `handler`.
    pub fn run<F: Future>(&self, handler: F) -> Handling<F> {
        Handling { protocol: self.protocol, deadline: self.deadline, context: None, handler }
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Received::run`](crate::propagation::Received::run).
    #[must_use = "futures do nothing unless polled"]
    pub struct Handling<F> {
        protocol: Protocol,
        deadline: Option<Tick>,
        context: Option<Context>,
        #[pin]
        handler: F,
    }
}

impl<F: Future> Future for Handling<F> {
    type Output = (F::Output, RetryAdvice);

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let deadline = *this.deadline;
        let mine = this.context.get_or_insert_with(|| context::with(|around| around.handling(deadline)));
        let polled = call::within(mine, || this.handler.poll(cx));
        let advice = RetryAdvice { protocol: *this.protocol, stop: mine.exhausted().is_some() };
        polled.map(|output| (output, advice))
    }
}

/// What a client should know about repeating: whether a retry in the handler has given up on the request.
#[must_use = "the client learns of it from the headers of a response that is a failure"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAdvice {
    protocol: Protocol,
    stop: bool,
}

impl RetryAdvice {
    /// Where a retry has given up, says so in the headers of a response that is a failure; with gRPC, in the metadata of
    /// its status. A header that is already there stays.
    pub fn inject(self, headers: &mut HeaderMap) {
        if self.stop {
            self.protocol.advise_against(headers);
        }
    }
}
