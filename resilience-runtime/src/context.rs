//! What an annotated function knows of the call around it: the deadline, the idempotency key, the fencing token.
//!
//! The context belongs to the task: it is in place while the call is polled and nowhere else. A future handed to
//! `tokio::spawn` starts without it; one handed to [`spawn`](crate::spawn) takes it along.

use std::cell::RefCell;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use crate::key::IdempotencyKey;
use crate::time::{Instant, Tick};

thread_local! {
    static CURRENT: RefCell<Context> = const { RefCell::new(Context::NONE) };
}

/// One per call: what its policies tell each other and the body.
#[derive(Clone)]
pub(crate) struct Context {
    /// The moment from which limits that began with the call count. Read only when somebody needs it.
    start: Option<Tick>,
    /// The deadline.
    pub(crate) limit: Option<Limit>,
    /// When somebody in this call wants to be polled next.
    pub(crate) alarm: Option<Tick>,
    /// An alarm has gone off: whoever waits for a moment looks at the clock.
    pub(crate) rang: bool,
    /// A retry inside the attempt that runs now has given up.
    pub(crate) exhausted: bool,
    /// A retry of this very call has given up: the outcome is a failure, also where it is a value.
    pub(crate) gave_up: bool,
    /// How often the body was started. Small: a call carries it.
    attempts: u16,
    /// How many of these certainly had no effect; none, where there were more than can be counted.
    harmless: u16,
    pub(crate) operation: Option<Arc<Operation>>,
    /// The same as `exhausted`, of the tasks that the attempt has spawned; in a task, of the attempt that spawned it.
    tasks: Option<Arc<AtomicBool>>,
}

/// A limit in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    at: Tick,
    /// It counts from the start of the call, which nobody has needed to know yet.
    from_start: bool,
    /// A timeout further out cuts the call there, so nobody further in needs an alarm for it.
    pub(crate) is_watched: bool,
}

impl Limit {
    /// The same, with somebody to watch it.
    pub(crate) fn watched(self) -> Self {
        Self { is_watched: true, ..self }
    }
}

/// What a part of a call that runs on another thread tells the call.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Tally {
    attempts: u16,
    harmless: u16,
    exhausted: bool,
    gave_up: bool,
}

impl Tally {
    /// As long as nobody knows how far it has come: it may have run, whatever it said before.
    pub(crate) fn at_least(self) -> Self {
        Self { attempts: self.attempts.max(1), harmless: 0, ..self }
    }

    /// What was added to `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        let attempts = self.attempts.saturating_sub(before.attempts);
        Self { attempts, harmless: self.harmless.saturating_sub(before.harmless), ..self }
    }
}

/// The operation that a claim of the ledger is for.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) key: IdempotencyKey,
    pub(crate) fence: u64,
}

impl Context {
    pub(crate) const NONE: Self = Self {
        start: None,
        limit: None,
        alarm: None,
        rang: false,
        exhausted: false,
        gave_up: false,
        attempts: 0,
        harmless: 0,
        operation: None,
        tasks: None,
    };

    /// The context of a call made within this one.
    pub(crate) fn child(&mut self) -> Self {
        let limit = self.limit.map(|limit| Limit { at: self.resolve(limit), from_start: false, ..limit });
        Self { limit, operation: self.operation.clone(), ..Self::NONE }
    }

    /// The context of a task that is a part of this call.
    pub(crate) fn hand_on(&mut self) -> Self {
        let mut child = self.child();
        // Nobody in the task watches it yet.
        child.limit = child.limit.map(|limit| Limit { is_watched: false, ..limit });
        // Without an attempt there is nobody to tell. A task of a task tells the same one.
        if self.attempts > 0 {
            self.tasks.get_or_insert_default();
        }
        child.tasks.clone_from(&self.tasks);
        child
    }

    /// The context of this very call on another thread.
    pub(crate) fn elsewhere(&mut self) -> Self {
        Self { attempts: self.attempts, harmless: self.harmless, ..self.child() }
    }

    /// What has been counted and marked so far.
    pub(crate) fn tally(&self) -> Tally {
        let (exhausted, gave_up) = (self.is_exhausted(), self.gave_up);
        Tally { attempts: self.attempts, harmless: self.harmless, exhausted, gave_up }
    }

    /// A part of this call on another thread was known to have done `was`, and has done `is`.
    pub(crate) fn recount(&mut self, was: Tally, is: Tally) {
        let change = |count: u16, was: u16, is: u16| count.saturating_sub(was).saturating_add(is);
        self.attempts = change(self.attempts, was.attempts, is.attempts);
        self.harmless = change(self.harmless, was.harmless, is.harmless);
        self.exhausted |= is.exhausted;
        self.gave_up |= is.gave_up;
    }

    /// A retry inside this attempt has given up, in the call or in a task of it.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.exhausted || self.tasks.as_ref().is_some_and(|tasks| tasks.load(Ordering::Acquire))
    }

    /// The task of this context is over.
    pub(crate) fn report(&self) {
        if let (true, Some(tasks)) = (self.exhausted, &self.tasks) {
            tasks.store(true, Ordering::Release);
        }
    }

    /// An attempt begins.
    pub(crate) fn clear_marks(&mut self) {
        (self.exhausted, self.gave_up, self.tasks) = (false, false, None);
    }

    /// The moment of a limit.
    pub(crate) fn resolve(&mut self, limit: Limit) -> Tick {
        if !limit.from_start {
            return limit.at;
        }
        self.start.get_or_insert_with(Tick::now).after(limit.at.since(Tick::BASE))
    }

    /// Which of two limits comes first; of equal ones, the first.
    pub(crate) fn comes_first(&mut self, one: Limit, two: Limit) -> bool {
        if one.from_start && two.from_start {
            one.at <= two.at
        } else {
            self.resolve(one) <= self.resolve(two)
        }
    }

    pub(crate) fn deadline(&mut self) -> Option<Tick> {
        self.limit.map(|limit| self.resolve(limit))
    }

    /// The limit of something that begins now, and that is watched. At the start of a call it needs no clock.
    pub(crate) fn limit_in(&self, time: Duration) -> Limit {
        let from_start = self.start.is_none();
        let from = if from_start { Tick::BASE } else { Tick::now() };
        Limit { at: from.after(time), from_start, is_watched: true }
    }

    /// Whether a limit has passed.
    pub(crate) fn is_over(&mut self, limit: Limit) -> bool {
        self.resolve(limit) <= Tick::now()
    }

    /// Whether the moment has come; if not, the call is polled again when it does.
    pub(crate) fn reached(&mut self, at: Tick) -> bool {
        if self.rang && Tick::now() >= at {
            return true;
        }
        self.alarm = Some(self.alarm.map_or(at, |other| other.min(at)));
        false
    }

    /// Attempts that may have taken effect.
    pub(crate) fn effects(&self) -> u32 {
        u32::from(self.attempts.saturating_sub(self.harmless))
    }
}

/// Looks at the context of the call that runs now, or changes it.
pub(crate) fn with<R>(look: impl FnOnce(&mut Context) -> R) -> R {
    CURRENT.with_borrow_mut(look)
}

pub(crate) fn attempts() -> u32 {
    with(|context| u32::from(context.attempts))
}

/// The body starts: from here on the operation may have run.
pub(crate) fn attempt_started() {
    with(|context| match context.attempts.checked_add(1) {
        Some(attempts) => context.attempts = attempts,
        None => context.harmless = 0,
    });
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
/// # use resilience_runtime::context;
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
        let at = Tick::from(*this.at);
        let _around = Narrowed(with(|context| match context.deadline() {
            Some(nearer) if nearer <= at => context.limit,
            _ => context.limit.replace(Limit { at, from_start: false, is_watched: false }),
        }));
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
