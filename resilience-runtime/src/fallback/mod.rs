//! The engine of `#[fallback]`.

mod bare;

use std::pin::Pin;
use std::task::{self, Poll};

use crate::Site;
use crate::context::{self, Context};
use crate::edge::{Edge, Outcome, Predicate, Returns, Stop};
use crate::event::{Cause, Decision, Event, emit};
pub use bare::{AnyResult, Bare, BareResult, any_result};

impl<R: Returns> Edge<R> {
    /// The outcome, if it stands: a value, or an error that `when` does not accept. Otherwise the error to answer.
    pub fn stands(
        &self,
        site: &'static Site,
        outcome: Outcome<R::Value, R::Error>,
        when: Option<Predicate<'_, R::Error>>,
    ) -> Result<Outcome<R::Value, R::Error>, R::Error> {
        let accepts = |error: &R::Error| when.is_none_or(|accepts| accepts(error));
        let (error, cause) = match outcome {
            Ok(value) => return Ok(Ok(value)),
            Err(Stop::Failure(error)) if accepts(&error) => {
                let cause = Cause::Failure((self.effect)(&error).class);
                (error, cause)
            }
            Err(Stop::Failure(error)) => return Ok(Err(Stop::Failure(error))),
            Err(Stop::Rejection(rejection)) => {
                let error = (self.reject)(rejection.clone());
                if !accepts(&error) {
                    return Ok(Err(Stop::Rejection(rejection)));
                }
                (error, Cause::Rejection(rejection.kind()))
            }
        };
        emit(&Event { site: site.name(), decision: Decision::Degraded(cause) });
        context::attempts_are_over();
        Err(error)
    }

    /// Waits for the answer.
    pub fn answering<A: Future<Output = R::Written>>(&self, answer: A) -> Answering<'_, R, A> {
        Answering { edge: self, answer }
    }

    /// The answer is there.
    pub fn answered(&self, answer: R::Written) -> Outcome<R::Value, R::Error> {
        let result = R::into_result(answer);
        if result.is_ok() {
            context::with(Context::answered);
        }
        result.map_err(Stop::Failure)
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Edge::answering`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Answering<'a, R: Returns, A> {
        edge: &'a Edge<R>,
        #[pin]
        answer: A,
    }
}

impl<R: Returns, A: Future<Output = R::Written>> Future for Answering<'_, R, A> {
    type Output = Outcome<R::Value, R::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.answer.poll(cx).map(|answer| this.edge.answered(answer))
    }
}

/// What the fallback says.
pub fn answer<R: Returns, F: Answers<R::Error, R::Written>>(
    _: &Edge<R>,
    error: R::Error,
    fallback: F,
) -> R::Written {
    fallback(error)
}

/// The same, of one that is asynchronous.
pub fn answer_later<R: Returns, F, A>(_: &Edge<R>, error: R::Error, fallback: F) -> A
where
    F: FnOnce(R::Error) -> A,
    A: Future<Output = R::Written>,
{
    fallback(error)
}

/// A function of the error that gives what the annotated function returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no fallback of this function",
    label = "a fallback is a closure or a function that takes a `{E}` and returns a `{W}`",
    note = "one that has to be awaited is marked: `#[fallback(async path)]`"
)]
pub trait Answers<E, W>: FnOnce(E) -> W {}

#[diagnostic::do_not_recommend]
impl<F: FnOnce(E) -> W, E, W> Answers<E, W> for F {}

/// What an asynchronous function gives before it is awaited.
#[diagnostic::on_unimplemented(
    message = "this fallback gives a `{Self}` at once, and there is nothing to await",
    label = "marked as `async`, and is not",
    note = "leave `async` out: `#[fallback(path)]`"
)]
pub trait Awaited {
    /// Always [`Later`] of itself. (It is no type at all for what is no future: the compiler then stays silent about
    /// awaiting it.)
    type Later;
    /// Wraps it up.
    fn later(self) -> Self::Later;
}

#[diagnostic::do_not_recommend]
impl<F: Future> Awaited for F {
    type Later = Later<F>;

    fn later(self) -> Later<F> {
        Later(self)
    }
}

/// A future that is known to be one.
pub struct Later<F>(F);

impl<F> Later<F> {
    /// The future.
    pub fn future(self) -> F {
        self.0
    }
}

/// Asks for a future.
pub fn awaited<A: Awaited>(answer: A) -> A::Later {
    answer.later()
}
