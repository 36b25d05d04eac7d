//! What an annotated function knows of the call around it: the deadline, the idempotency key, the fencing token.
//!
//! The context belongs to the task: it is in place while the call is polled and nowhere else. A future handed to
//! `tokio::spawn` starts without it; one handed to [`spawn`](crate::spawn) takes it along. Over the network it goes in
//! headers, by the module `propagation` of the feature `http`.

mod limit;
mod marks;
mod part;
mod tally;

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

pub(crate) use limit::{Alarm, Limit};
use marks::Marks;
pub(crate) use part::{Part, within};
pub(crate) use tally::Tally;

use crate::key::IdempotencyKey;
use crate::replicas::picks::{self, Picks};
use crate::time::{Instant, Tick};

thread_local! {
    /// Outside of any call nothing is kept in it, so a thread that ends has nothing to drop; and what is not to be
    /// dropped need not be registered for it at every look.
    static CURRENT: RefCell<ManuallyDrop<Context>> = const { RefCell::new(ManuallyDrop::new(Context::NONE)) };
}

/// One per call: what its policies tell each other and the body.
#[allow(clippy::struct_excessive_bools)] // answers to questions that have nothing to do with each other
pub(crate) struct Context {
    /// The moment from which limits that began with the call count. Read only when somebody needs it.
    start: Option<Tick>,
    /// The deadline.
    pub(crate) limit: Option<Limit>,
    /// When somebody in this call wants to be polled next.
    pub(crate) alarm: Option<Alarm>,
    /// An alarm has gone off: whoever waits for a moment looks at the clock.
    pub(crate) rang: bool,
    /// A retry of this very call has given up: the outcome is a failure, also where it is a value.
    pub(crate) gave_up: bool,
    /// How often the body was started. Small: a call carries it.
    attempts: u16,
    /// How many of these certainly had no effect; none, where there were more than can be counted.
    harmless: u16,
    /// How often the retries around this call had repeated when it began, as far as a byte counts.
    repeats: u8,
    /// An earlier attempt of a call around this one may have taken effect, or another one beside.
    ran_before: bool,
    /// No attempt runs: what is evaluated now, such as a fallback, comes after all of them.
    between: bool,
    /// Attempts of this call may run side by side.
    side_by_side: bool,
    pub(crate) operation: Option<Arc<Operation>>,
    /// A fallback has answered in it. `None` outside of any call, where nobody would ever clear it.
    degraded: Option<bool>,
    /// What happened inside the attempt that runs now, in the call or in a task of it; in a task, of the attempt that
    /// spawned it. On the heap once there is something to tell, or somebody who may.
    marks: Option<Arc<Marks>>,
    /// A retry or a hedge of this call settles what its attempts pick among replicas.
    settles: bool,
    /// These picks; while the call is polled, those of the surroundings.
    picks: Picks,
}

/// What a claim of the ledger stands for.
#[derive(Debug)]
pub(crate) struct Operation {
    /// That of the idempotent operation; an exclusive right has none of its own.
    pub(crate) key: Option<IdempotencyKey>,
    /// A claim in a transaction of the caller's has none of its own.
    pub(crate) fence: Option<u64>,
}

impl Context {
    pub(crate) const NONE: Self = Self {
        start: None,
        limit: None,
        alarm: None,
        rang: false,
        gave_up: false,
        attempts: 0,
        harmless: 0,
        repeats: 0,
        ran_before: false,
        between: false,
        side_by_side: false,
        operation: None,
        degraded: None,
        marks: None,
        settles: false,
        picks: Picks::NONE,
    };

    /// Whether it is that of a thread, outside of any call.
    pub(crate) fn is_root(&self) -> bool {
        self.degraded.is_none()
    }

    /// The context of a call made within this one.
    #[inline]
    pub(crate) fn child(&mut self) -> Self {
        let limit = self.limit.map(|limit| Limit { at: self.resolve(limit), from_start: false, ..limit });
        let (repeats, operation) = (self.repeats(), self.operation.clone());
        // Of its own attempts the one that runs now is no earlier one. What runs beside it may go on after this look.
        let earlier = self.effects() > u32::from(!self.between);
        let ran_before = self.ran_before || earlier || self.side_by_side;
        Self { limit, repeats, ran_before, operation, degraded: Some(false), ..Self::NONE }
    }

    /// Drops what has to be dropped. Most calls have nothing of it.
    #[inline]
    pub(crate) fn let_go(&mut self) {
        if self.marks.is_some() {
            self.marks = None;
        }
        if self.operation.is_some() {
            self.operation = None;
        }
        self.picks.let_go();
    }

    /// The context of a task that is a part of this call.
    pub(crate) fn hand_on(&mut self) -> Self {
        let mut child = self.child();
        // Nobody in the task watches it yet.
        child.limit = child.limit.map(|limit| Limit { is_watched: false, ..limit });
        // Without an attempt there is nobody to tell. A task of a task tells the same one.
        if self.attempts > 0 {
            self.marks.get_or_insert_default();
        }
        child.marks.clone_from(&self.marks);
        child
    }

    /// The context of the handling of a request that is to be answered by `deadline`.
    #[cfg(feature = "http")]
    pub(crate) fn handling(&mut self, deadline: Option<Tick>) -> Self {
        // The handler is a body that runs once: its tasks report to it.
        let mut child = Self { attempts: 1, repeats: 0, ran_before: false, ..self.child() };
        if let Some(at) = deadline {
            child.narrow(at);
        }
        child
    }

    /// What is picked in this call from here on is settled in it.
    pub(crate) fn settle_picks(&mut self) {
        if !std::mem::replace(&mut self.settles, true) {
            picks::enter(&mut self.picks);
        }
    }

    /// The call is polled.
    pub(crate) fn place_picks(&mut self) {
        if self.settles {
            picks::enter(&mut self.picks);
        }
    }

    /// It has been polled.
    pub(crate) fn take_picks(&mut self) {
        if self.settles {
            picks::leave(&mut self.picks);
        }
    }

    /// How often the retries of this call and around it have repeated.
    fn repeats(&self) -> u8 {
        let own = self.attempts.saturating_sub(1);
        self.repeats.saturating_add(u8::try_from(own).unwrap_or(u8::MAX))
    }

    /// Attempts that may have taken effect.
    pub(crate) fn effects(&self) -> u32 {
        u32::from(self.attempts.saturating_sub(self.harmless))
    }
}

/// Looks at the context of the call that runs now, or changes it.
#[inline]
pub(crate) fn with<R>(look: impl FnOnce(&mut Context) -> R) -> R {
    CURRENT.with_borrow_mut(|current| look(current))
}

/// The number of the attempt that runs now, by all retries around it: one more than they have repeated.
#[cfg(feature = "http")]
pub(crate) fn attempt() -> u32 {
    with(|context| u32::from(context.repeats()) + 1)
}

pub(crate) fn attempts() -> u32 {
    with(|context| u32::from(context.attempts))
}

/// Whether an earlier attempt of a call around this one may have taken effect.
pub(crate) fn ran_before() -> bool {
    with(|context| context.ran_before)
}

/// The body starts: from here on the operation may have run.
pub(crate) fn attempt_started() {
    with(|context| {
        context.between = false;
        match context.attempts.checked_add(1) {
            Some(attempts) => context.attempts = attempts,
            None => context.harmless = 0,
        }
    });
}

/// What comes now is after the attempts.
pub(crate) fn attempts_are_over() {
    with(|context| context.between = true);
}

/// From here on attempts may run side by side.
pub(crate) fn attempts_side_by_side() {
    with(|context| context.side_by_side = true);
}

/// The attempt that has just ended certainly took no effect.
pub(crate) fn attempt_had_no_effect() {
    with(|context| {
        if context.attempts < u16::MAX {
            context.harmless += 1;
        }
    });
}

/// The moment at which the call that runs now must have ended, if there is one: the nearest of the `#[timeout]`s
/// around it and of [`with_deadline`].
///
/// ```
/// # use resilience_runtime as resilience;
/// # use resilience::context;
/// # use tokio::time::Instant;
/// # async fn call() {
/// if let Some(at) = context::deadline() {
///     println!("{:?} left", at.saturating_duration_since(Instant::now()));
/// }
/// # }
/// ```
pub fn deadline() -> Option<Instant> {
    with(Context::deadline).map(Tick::instant)
}

/// The key of the idempotent operation that runs now: the same for every attempt, host and process. Hand it to the
/// callee, which deduplicates on it. `None` outside of an `#[idempotent]` function.
pub fn idempotency_key() -> Option<IdempotencyKey> {
    with(|context| context.operation.as_ref()?.key)
}

/// A number that grows with each claim of the operation that runs now, or of its exclusive right, for a sink that can
/// refuse an older one. Where several are around, it is that of the innermost. `None` outside of `#[idempotent]` and
/// `#[exclusive]` functions. An `#[idempotent]` function with `tx` has none of its own: a caller that waits there for a
/// transaction that is rolled back drew its number before that.
pub fn fencing_token() -> Option<u64> {
    with(|context| context.operation.as_ref().and_then(|operation| operation.fence))
}

/// Whether a fallback has answered in the annotated call that runs now: its own, or that of an annotated function called
/// within it. What the call returns is then not all it could be.
///
/// A retry that begins another attempt begins with `false`. A task of [`spawn`](crate::spawn) counts from then on when it is
/// answered; one of `tokio::spawn` does not report back. Outside of an annotated function it is `false`: a handler that wants to know is
/// annotated itself, with a `#[timeout]` for instance.
///
/// ```
/// # use resilience_runtime as resilience;
/// # use resilience::context;
/// # struct Page { price: u32, degraded: bool }
/// # async fn price() -> u32 { 7 }
/// # async fn page() -> Page {
/// let price = price().await; // has a `#[fallback]`
/// Page { price, degraded: context::degraded() }
/// # }
/// ```
pub fn degraded() -> bool {
    with(|context| context.is_degraded())
}

/// Runs `future` under a deadline that was computed for this call, or that a caller sent along.
///
/// It only sets the deadline (to the nearer of `at` and the one around it): the policies of the annotated functions
/// inside keep it. A `#[timeout]` cuts the call there with [`Kind::DeadlineExceeded`](crate::Kind::DeadlineExceeded),
/// a `#[retry]` does not sleep past it. Accepts a `tokio` or a `std` instant. Dropping it drops `future`.
///
/// ```
/// # use resilience_runtime as resilience;
/// # use std::time::{Duration, Instant};
/// # use resilience::context;
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
        let at = Tick::from(*this.at);
        let _around = Narrowed(with(|context| context.narrow(at)));
        this.future.poll(cx)
    }
}

/// Puts the limit of the surroundings back, also on a panic.
struct Narrowed(Option<Limit>);

impl Drop for Narrowed {
    fn drop(&mut self) {
        with(|context| context.limit = self.0);
    }
}
