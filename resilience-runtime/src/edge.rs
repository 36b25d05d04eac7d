//! Where the user's types meet the policies: every bound on them is stated here, once per function.

use std::pin::Pin;
use std::task::{self, Poll, ready};

use crate::Error;
use crate::context;
use crate::failure::{Class, Failure, Verdict};
use crate::replicas::picks;

/// What the layers of a stack hand to each other.
pub type Outcome<T, E> = Result<T, Stop<E>>;

/// Why there is no value.
#[derive(Debug)]
pub enum Stop<E> {
    /// The body's own error.
    Failure(E),
    /// A policy of this stack stopped the call. It becomes an `E` at the outer edge only.
    Rejection(Error),
}

impl<E> From<Error> for Stop<E> {
    fn from(error: Error) -> Self {
        Self::Rejection(error)
    }
}

impl<E> Stop<E> {
    /// How it counts, where that does not depend on what the user's error means.
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Failure(_) => None,
            Self::Rejection(error) => Some(Verdict::on_rejection(error)),
        }
    }
}

/// What an annotated function returns: a `Result`, because a rejection needs a place to go.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no place for a rejection",
    label = "a function with a policy returns a `Result`",
    note = "return `Result<{Self}, E>`, where `E` has `From<resilience::Error>`",
    note = "or answer every rejection: `#[fallback(|error: resilience::Error| ...)]` as the topmost policy, without `when`"
)]
pub trait Returns {
    /// The value of a call that succeeded.
    type Value;
    /// The error of a call that did not.
    type Error;

    #[doc(hidden)]
    type Edge;

    /// What stands in the signature.
    #[doc(hidden)]
    type Written;

    #[doc(hidden)]
    fn into_result(written: Self::Written) -> Result<Self::Value, Self::Error>;
    #[doc(hidden)]
    fn from_result(result: Result<Self::Value, Self::Error>) -> Self::Written;
}

#[diagnostic::do_not_recommend]
impl<T, E> Returns for Result<T, E> {
    type Value = T;
    type Error = E;
    type Edge = Edge<Self>;
    type Written = Self;

    fn into_result(written: Self) -> Self {
        written
    }

    fn from_result(result: Self) -> Self {
        result
    }
}

/// An error type that a rejection can become: everything with `From<resilience::Error>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot carry the rejection of a policy",
    label = "this error type needs `From<resilience::Error>`",
    note = "add a variant to the enum: `#[failure(policy)] Policy(resilience::Error)`, with `#[derive(resilience::Failure)]`",
    note = "or write `impl From<resilience::Error> for {Self}`"
)]
pub trait CarriesRejection: From<Error> {}

#[diagnostic::do_not_recommend]
impl<E: From<Error>> CarriesRejection for E {}

/// An error type that policies understand: everything with [`Failure`] and `From<resilience::Error>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error type that these policies understand",
    label = "this error type needs `Failure` and `From<resilience::Error>`",
    note = "derive both: `#[derive(resilience::Failure)]`, a class such as `#[failure(transient)]` on each variant, and one variant `#[failure(policy)] Policy(resilience::Error)`",
    note = "or say at the policy which errors may pass (`when = |error| ...`), and write `impl From<resilience::Error> for {Self}`"
)]
pub trait PolicyError: Failure + From<Error> {}

#[diagnostic::do_not_recommend]
impl<E: Failure + From<Error>> PolicyError for E {}

/// The functions of the user's error type that the layers call. They themselves have no bounds, so that a missing
/// one is reported once, at the return type.
pub struct Edge<R: Returns> {
    pub(crate) reject: fn(Error) -> R::Error,
    /// How an error counts, by its class.
    class: fn(&R::Error) -> Verdict,
    /// What an error says about the effect of the operation.
    pub(crate) effect: fn(&R::Error) -> Effect,
}

/// What an error says about the effect of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) happened: Happened,
    /// What kind of failure it is, where somebody has said so.
    pub(crate) class: Option<Class>,
}

/// Whether the operation took effect, as far as its error tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Happened {
    /// It certainly did not.
    No,
    /// It failed, and may have.
    Failed,
    /// Nobody knows.
    Unknown,
}

impl Effect {
    const FAILED: Self = Self { happened: Happened::Failed, class: None };
}

impl<R: Returns> Clone for Edge<R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<R: Returns> Copy for Edge<R> {}

/// The edge of a stack that rejects, and asks what errors mean.
///
/// (Each of the four gives `R::Edge`, which is no type at all for what is no `Result`: the compiler then stays silent
/// about all that is done with it.)
pub fn edge<R: Returns<Error: PolicyError, Edge = Edge<R>>>() -> R::Edge {
    Edge { reject: R::Error::from, class: Verdict::on_failure, effect: effect::<R::Error> }
}

/// The edge of a stack that rejects.
pub fn edge_rejecting<R: Returns<Error: CarriesRejection, Edge = Edge<R>>>() -> R::Edge {
    Edge { reject: R::Error::from, class: unclassified, effect: |_| Effect::FAILED }
}

/// The edge of a stack that asks what errors mean.
pub fn edge_classifying<R: Returns<Error: Failure, Edge = Edge<R>>>() -> R::Edge {
    Edge {
        reject: |_| unreachable!("no policy of this stack rejects"),
        class: Verdict::on_failure,
        effect: effect::<R::Error>,
    }
}

/// The edge of a stack that does neither.
pub fn edge_plain<R: Returns<Edge = Edge<R>>>() -> R::Edge {
    Edge {
        reject: |_| unreachable!("no policy of this stack rejects"),
        class: unclassified,
        effect: |_| Effect::FAILED,
    }
}

/// The edge of a stack that asks nothing, and tells the class of an error whose type has one. The method of an edge itself is found
/// before that of a reference to one.
pub trait ClassKnown {
    /// With the class.
    #[must_use]
    fn class_told(self) -> Self;
}

impl<R: Returns<Error: Failure>> ClassKnown for Edge<R> {
    fn class_told(self) -> Self {
        let effect = |error: &R::Error| Effect { class: Some(error.class()), ..Effect::FAILED };
        Self { effect, ..self }
    }
}

/// As [`ClassKnown`], for errors without one.
pub trait ClassUnknown {
    /// The edge.
    type Edge;

    /// As it is.
    #[must_use]
    fn class_told(self) -> Self::Edge;
}

impl<R: Returns> ClassUnknown for &Edge<R> {
    type Edge = Edge<R>;

    fn class_told(self) -> Edge<R> {
        *self
    }
}

/// Nobody said what this error means.
fn unclassified<E>(_: &E) -> Verdict {
    Verdict::Transient
}

fn effect<E: Failure>(error: &E) -> Effect {
    // A rejection that comes out of the body speaks for a call that the body made, not for the body.
    if let Some(rejection) = error.rejection() {
        // The earlier attempts of this call, of which a rejection speaks too, are counted by the call itself.
        let happened = if rejection.attempts() > 0 { Happened::Unknown } else { Happened::Failed };
        return Effect { happened, class: Some(Class::Rejected) };
    }
    let happened = if error.may_have_run() { Happened::Failed } else { Happened::No };
    Effect { happened, class: Some(error.class()) }
}

pub(crate) type Predicate<'a, T> = &'a (dyn Fn(&T) -> bool + 'a);

impl<R: Returns> Edge<R> {
    /// One run of the body, which begins now.
    pub fn attempt<'a, F>(&'a self, body: Pin<&'a mut F>) -> Attempt<'a, R, Pin<&'a mut F>>
    where
        F: Future<Output = R::Written>,
    {
        context::attempt_started();
        Attempt { edge: self, body }
    }

    /// One run of the body, which begins when it is polled.
    pub fn attempt_later<F: Future<Output = R::Written>>(&self, body: F) -> LaterAttempt<'_, R, F> {
        LaterAttempt { started: false, attempt: Attempt { edge: self, body } }
    }

    /// How an outcome counts: an error by `when` (it may pass, or is neutral) or else by its class, a value by `when_ok`
    /// (it is a failure). Dynamic, so that a predicate of another type is one error and not three; and one piece of code for all
    /// functions with this result.
    #[inline(never)]
    pub fn verdict(
        &self,
        outcome: &Outcome<R::Value, R::Error>,
        when: Option<Predicate<'_, R::Error>>,
        when_ok: Option<Predicate<'_, R::Value>>,
    ) -> Verdict {
        match outcome {
            Ok(value) if when_ok.is_some_and(|failed| failed(value)) => Verdict::Transient,
            Ok(_) => Verdict::Success,
            Err(Stop::Failure(error)) => match when {
                None => (self.class)(error),
                Some(may_pass) if may_pass(error) => Verdict::Transient,
                Some(_) => Verdict::Neutral,
            },
            Err(Stop::Rejection(error)) => Verdict::on_rejection(error),
        }
    }

    /// What the caller gets.
    pub fn leave(&self, outcome: Outcome<R::Value, R::Error>) -> R::Written {
        R::from_result(outcome.map_err(|stop| match stop {
            Stop::Failure(error) => error,
            Stop::Rejection(error) => (self.reject)(error),
        }))
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Edge::attempt`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Attempt<'a, R: Returns, F> {
        edge: &'a Edge<R>,
        #[pin]
        body: F,
    }
}

pin_project_lite::pin_project! {
    /// The future of [`Edge::attempt_later`].
    #[must_use = "futures do nothing unless polled"]
    pub struct LaterAttempt<'a, R: Returns, F> {
        started: bool,
        #[pin]
        attempt: Attempt<'a, R, F>,
    }
}

impl<R: Returns, F: Future<Output = R::Written>> Future for LaterAttempt<'_, R, F> {
    type Output = Outcome<R::Value, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if !std::mem::replace(this.started, true) {
            context::attempt_started();
        }
        this.attempt.poll(cx)
    }
}

impl<R: Returns, F: Future<Output = R::Written>> Future for Attempt<'_, R, F> {
    type Output = Outcome<R::Value, R::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = R::into_result(ready!(this.body.poll(cx)));
        if let Err(error) = &result {
            if (this.edge.effect)(error).happened == Happened::No {
                context::attempt_had_no_effect();
            }
            picks::note((this.edge.class)(error));
        }
        Poll::Ready(result.map_err(Stop::Failure))
    }
}

/// A type of its own, and not all who implement a trait.
#[diagnostic::on_unimplemented(
    message = "the state of this policy would be one for all who implement the trait",
    label = "this is a default method, or one of a `dyn` type, and the policy keeps something",
    note = "say whose state it is: `share = ...` or `key = ...`; at `#[idempotent]`, `scope = ...`, or `scope = _` for all of them",
    note = "or put the policy on the methods of the implementors"
)]
pub trait OneType {}

#[diagnostic::do_not_recommend]
impl<T> OneType for T {}

/// Asks the compiler whether this is one.
pub fn of_one_type<T: OneType + ?Sized>() {}

/// Pins the type of a block: `if false { return never::<R>() }`.
pub fn never<R>() -> R {
    unreachable!("never called")
}

/// An argument that a repeated body can have again: everything that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be handed to a second attempt",
    label = "a repeated function gets its by-value arguments cloned, and this one is not `Clone`",
    note = "take it by reference: `&{Self}`",
    note = "or in an `Arc`, which is cheap to clone, or derive `Clone`"
)]
pub trait Repeatable: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Repeatable for T {}

/// Holds a by-value argument between attempts.
pub struct Slot<T> {
    value: Option<T>,
    clone: fn(&T) -> T,
}

/// Takes an argument in.
pub fn slot<T: Repeatable>(value: T) -> Slot<T> {
    Slot { value: Some(value), clone: T::clone }
}

/// Hands the argument out: itself to the last attempt, a clone to any other.
///
/// # Panics
///
/// After the last attempt, of which there is none.
pub fn hand_out<T>(slot: &mut Slot<T>, last: bool) -> T {
    let value = if last { slot.value.take() } else { slot.value.as_ref().map(slot.clone) };
    value.expect("no attempt after the last")
}

/// An argument that is needed after the body has taken it: everything that is `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is needed again after the body has run",
    label = "a policy names this argument, so the body gets a clone of it, and it is not `Clone`",
    note = "take it by reference: `&{Self}`",
    note = "or in an `Arc`, which is cheap to clone, or derive `Clone`"
)]
pub trait Kept: Clone {}

#[diagnostic::do_not_recommend]
impl<T: Clone> Kept for T {}

/// A clone, of an argument that somebody further out looks at afterwards.
pub fn again<T: Kept>(value: &T) -> T {
    value.clone()
}

/// A clone, of an argument that several attempts have at the same time.
pub fn another<T: Repeatable>(value: &T) -> T {
    value.clone()
}
