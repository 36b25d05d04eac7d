//! What an annotated function knows of the call around it: the deadline, the idempotency key, the fencing token.
//!
//! The context belongs to the task: it is in place while the call is polled and nowhere else. A future handed to
//! `tokio::spawn` starts without it.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use crate::edge::Outcome;
use crate::key::IdempotencyKey;
use crate::runtime;
use crate::time::{self, Instant};

thread_local! {
    static CURRENT: RefCell<Context> = const { RefCell::new(Context::NONE) };
}

/// One per call: what its policies tell each other and the body.
#[derive(Clone)]
pub(crate) struct Context {
    /// The moment from which limits that began with the call count. Read only when somebody needs it.
    start: Option<Instant>,
    pub(crate) bound: Bound,
    /// How often the body was started.
    attempts: u32,
    /// How many of these certainly had no effect.
    harmless: u32,
    /// A retry inside the attempt that runs now has given up.
    pub(crate) exhausted: bool,
    pub(crate) operation: Option<Arc<Operation>>,
}

/// The limit in time, and whether a timeout of this task watches it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Bound {
    pub(crate) limit: Limit,
    /// A timeout further out will cut this call at the limit, so nobody further in needs a timer for it.
    pub(crate) watched: bool,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Limit {
    None,
    /// So long after the start of the call, which nobody has needed to know yet.
    FromStart(Duration),
    At(Instant),
}

/// The operation that a claim of the ledger is for.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) key: IdempotencyKey,
    pub(crate) fence: u64,
}

impl Context {
    const NONE: Self = Self {
        start: None,
        bound: Bound { limit: Limit::None, watched: false },
        attempts: 0,
        harmless: 0,
        exhausted: false,
        operation: None,
    };

    /// The context of a call made within this one.
    fn child(&mut self) -> Self {
        let limit = self.deadline().map_or(Limit::None, Limit::At);
        let bound = Bound { limit, watched: self.bound.watched };
        Self { bound, operation: self.operation.clone(), ..Self::NONE }
    }

    /// The moment at which `limit` ends.
    pub(crate) fn resolve(&mut self, limit: Limit) -> Option<Instant> {
        match limit {
            Limit::None => None,
            Limit::FromStart(time) => {
                let start = *self.start.get_or_insert_with(time::now);
                Some(start.checked_add(time).unwrap_or_else(|| far(start)))
            }
            Limit::At(at) => Some(at),
        }
    }

    /// Attempts that may have taken effect.
    pub(crate) fn effects(&self) -> u32 {
        self.attempts.saturating_sub(self.harmless)
    }

    pub(crate) fn deadline(&mut self) -> Option<Instant> {
        self.resolve(self.bound.limit)
    }

    /// The limit of something that begins now. At the start of a call it needs no clock.
    pub(crate) fn limit_in(&self, time: Duration) -> Limit {
        if self.start.is_none() {
            return Limit::FromStart(time);
        }
        let now = time::now();
        Limit::At(now.checked_add(time).unwrap_or_else(|| far(now)))
    }
}

fn far(from: Instant) -> Instant {
    from + Duration::from_hours(24 * 365)
}

/// Looks at the context of the call that runs now, or changes it.
pub(crate) fn with<R>(look: impl FnOnce(&mut Context) -> R) -> R {
    CURRENT.with_borrow_mut(look)
}

pub(crate) fn attempts() -> u32 {
    with(|context| context.attempts)
}

/// The body starts: from here on the operation may have run.
pub(crate) fn attempt_started() {
    with(|context| context.attempts = context.attempts.saturating_add(1));
}

/// The attempt that has just ended certainly took no effect.
pub(crate) fn attempt_had_no_effect() {
    with(|context| context.harmless = context.harmless.saturating_add(1));
}

/// The moment at which the call that runs now must have ended, if there is one: the nearest of the `#[timeout]`s
/// around it and of [`with_deadline`].
///
/// ```
/// # use resilience_runtime::context;
/// # use tokio::time::Instant;
/// # async fn call() {
/// if let Some(at) = context::deadline() {
///     println!("{:?} left", at.saturating_duration_since(Instant::now()));
/// }
/// # }
/// ```
pub fn deadline() -> Option<Instant> {
    with(Context::deadline)
}

/// The key of the idempotent operation that runs now: the same for every attempt, host and process. Hand it to the
/// callee, which deduplicates on it. `None` outside of an `#[idempotent]` function.
pub fn idempotency_key() -> Option<IdempotencyKey> {
    with(|context| context.operation.as_ref().map(|operation| operation.key))
}

/// A number that grows with each claim of the operation that runs now, for a sink that can refuse an older one.
/// `None` outside of an `#[idempotent]` function.
pub fn fencing_token() -> Option<u64> {
    with(|context| context.operation.as_ref().map(|operation| operation.fence))
}

/// Runs `future` under a deadline that was computed for this call, or that a caller sent along.
///
/// It only sets the deadline (to the nearer of `at` and the one around it): the policies of the annotated functions
/// inside keep it. A `#[timeout]` cuts the call there with [`Kind::DeadlineExceeded`](crate::Kind::DeadlineExceeded),
/// a `#[retry]` does not sleep past it. Accepts a `tokio` or a `std` instant. Dropping it drops `future`.
///
/// ```
/// # use std::time::{Duration, Instant};
/// # use resilience_runtime::context;
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let at = Instant::now() + Duration::from_millis(200);
/// context::with_deadline(at, async {
///     assert_eq!(context::deadline().unwrap().into_std(), at);
/// }).await;
/// assert!(context::deadline().is_none());
/// # });
/// ```
pub fn with_deadline<F: Future>(at: impl Into<Instant>, future: F) -> WithDeadline<F> {
    WithDeadline { at: at.into(), future }
}

pin_project_lite::pin_project! {
    /// The future of [`with_deadline`].
    #[must_use = "futures do nothing unless polled"]
    pub struct WithDeadline<F> {
        at: Instant,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for WithDeadline<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let at = *this.at;
        let _around = Narrowed(with(|context| match context.deadline() {
            Some(nearer) if nearer <= at => context.bound,
            _ => std::mem::replace(&mut context.bound, Bound { limit: Limit::At(at), watched: false }),
        }));
        this.future.poll(cx)
    }
}

/// Puts the bound of the surroundings back, also on a panic.
struct Narrowed(Bound);

impl Drop for Narrowed {
    fn drop(&mut self) {
        with(|context| context.bound = self.0);
    }
}

pin_project_lite::pin_project! {
    /// A call with a context of its own, in place while the call is polled.
    #[must_use = "futures do nothing unless polled"]
    pub struct Call<'a, F> {
        future: Pin<&'a mut F>,
        context: Option<Context>,
    }
}

/// Gives the call a context of its own.
pub fn enter<F>(future: Pin<&mut F>) -> Call<'_, F> {
    Call { future, context: None }
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Future for Call<'_, F> {
    type Output = Outcome<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mine = this.context.take().unwrap_or_else(|| {
            runtime::touch();
            with(Context::child)
        });
        let entered = Entered::enter(mine);
        let polled = this.future.as_mut().poll(cx);
        let mine = entered.leave();
        match &polled {
            Poll::Pending => *this.context = Some(mine),
            // What a retry in here gave up on, a retry around here must not take up again.
            Poll::Ready(Err(_)) if mine.exhausted => with(|around| around.exhausted = true),
            Poll::Ready(_) => {}
        }
        polled
    }
}

/// Holds the context of the surroundings while another one is in place.
struct Entered {
    around: Option<Context>,
}

impl Entered {
    fn enter(mine: Context) -> Self {
        Self { around: Some(with(|current| std::mem::replace(current, mine))) }
    }

    fn leave(mut self) -> Context {
        let around = self.around.take().unwrap_or(Context::NONE);
        with(|current| std::mem::replace(current, around))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(around) = self.around.take() {
            with(|current| *current = around);
        }
    }
}
