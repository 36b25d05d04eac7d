//! What an annotated function knows of the call around it: the deadline, the idempotency key, the fencing token.
//!
//! The context belongs to the task: it is in place while the call is polled and nowhere else. A future handed to
//! `tokio::spawn` starts without it; one handed to [`spawn`](crate::spawn) takes it along. Over the network it goes in
//! headers, by the module `propagation` of the feature `http`.

mod tally;

use std::cell::RefCell;
use std::mem::swap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};
use std::time::Duration;

use crate::Site;
use crate::key::IdempotencyKey;
use crate::replicas::Path;
use crate::replicas::picks::{self, Picks};
use crate::time::{Instant, Tick};
pub(crate) use tally::Tally;

thread_local! {
    static CURRENT: RefCell<Context> = const { RefCell::new(Context::NONE) };
}

/// One per call: what its policies tell each other and the body.
pub(crate) struct Context {
    /// The moment from which limits that began with the call count. Read only when somebody needs it.
    start: Option<Tick>,
    /// The deadline.
    pub(crate) limit: Option<Limit>,
    /// When somebody in this call wants to be polled next.
    pub(crate) alarm: Option<Tick>,
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

/// What an attempt and its tasks tell whoever is around them.
#[derive(Debug, Default)]
struct Marks {
    /// Whose retry has given up.
    exhausted: OnceLock<&'static Site>,
    /// A fallback has answered in a task.
    degraded: AtomicBool,
}

/// A limit in time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limit {
    pub(crate) at: Tick,
    /// It counts from the start of the call, which nobody has needed to know yet.
    pub(crate) from_start: bool,
    /// A timeout further out cuts the call there, so nobody further in needs an alarm for it.
    pub(crate) is_watched: bool,
}

impl Limit {
    /// The same, with somebody to watch it.
    pub(crate) fn watched(self) -> Self {
        Self { is_watched: true, ..self }
    }
}

/// What each of several attempts that run side by side has to itself: the limit that its own timeouts set, and the marks
/// of its own retries; and what it has picked is found by its path. All else is the call's.
#[derive(Debug, Default)]
pub(crate) struct Part {
    limit: Option<Limit>,
    marks: Option<Arc<Marks>>,
    gave_up: bool,
    degraded: Option<bool>,
    pub(crate) path: Path,
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
        gave_up: false,
        attempts: 0,
        harmless: 0,
        repeats: 0,
        operation: None,
        degraded: None,
        marks: None,
        settles: false,
        picks: Picks::NONE,
    };

    /// The context of a call made within this one.
    #[inline]
    pub(crate) fn child(&mut self) -> Self {
        let limit = self.limit.map(|limit| Limit { at: self.resolve(limit), from_start: false, ..limit });
        let (repeats, operation) = (self.repeats(), self.operation.clone());
        Self { limit, repeats, operation, degraded: Some(false), ..Self::NONE }
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
        let mut child = Self { attempts: 1, repeats: 0, ..self.child() };
        if let Some(at) = deadline {
            child.narrow(at);
        }
        child
    }

    /// Whose retry inside this attempt has given up, in the call or in a task of it.
    pub(crate) fn exhausted(&self) -> Option<&'static Site> {
        self.marks.as_ref()?.exhausted.get().copied()
    }

    /// The retry of `site`, inside this attempt, has given up.
    pub(crate) fn exhaust(&mut self, site: &'static Site) {
        // The first one has said it all.
        let _ = self.marks.get_or_insert_default().exhausted.set(site);
    }

    /// A fallback has answered in this attempt, in the call or in a task of it.
    pub(crate) fn is_degraded(&self) -> bool {
        let in_a_task = || self.marks.as_ref().is_some_and(|marks| marks.degraded.load(Ordering::Acquire));
        self.degraded == Some(true) || in_a_task()
    }

    /// An attempt begins: what the last one left behind is gone with its outcome.
    pub(crate) fn clear_marks(&mut self) {
        (self.marks, self.gave_up) = (None, false);
        self.degraded = self.degraded.map(|_| false);
    }

    /// A fallback has answered: what went wrong before it is mended, and the call is degraded.
    pub(crate) fn answered(&mut self) {
        self.clear_marks();
        self.degrade();
    }

    /// What this call returns is not all it could be.
    pub(crate) fn degrade(&mut self) {
        self.degraded = self.degraded.map(|_| true);
        if let Some(marks) = &self.marks {
            marks.degraded.store(true, Ordering::Release);
        }
    }

    /// The part of an attempt that begins now.
    pub(crate) fn part(&self, path: Path) -> Part {
        Part { limit: self.limit, degraded: self.degraded.map(|_| false), path, ..Part::default() }
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

    /// The attempt of this part has ended, and its outcome is the call's: so are its marks.
    pub(crate) fn adopt(&mut self, part: Part) {
        (self.marks, self.gave_up, self.degraded) = (part.marks, part.gave_up, part.degraded);
    }

    fn exchange(&mut self, part: &mut Part) {
        swap(&mut self.limit, &mut part.limit);
        swap(&mut self.marks, &mut part.marks);
        swap(&mut self.gave_up, &mut part.gave_up);
        swap(&mut self.degraded, &mut part.degraded);
        picks::exchange_path(&mut part.path);
    }

    /// The moment of a limit.
    pub(crate) fn resolve(&mut self, limit: Limit) -> Tick {
        if !limit.from_start {
            return limit.at;
        }
        self.start.get_or_insert_with(Tick::now).after(limit.at.since(Tick::BASE))
    }

    /// Sets the deadline, unless there is a nearer one. The limit before is returned.
    fn narrow(&mut self, at: Tick) -> Option<Limit> {
        match self.deadline() {
            Some(nearer) if nearer <= at => self.limit,
            _ => self.limit.replace(Limit { at, from_start: false, is_watched: false }),
        }
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

    /// The outcome of this call is a failure on which the retry of `site` has given up.
    pub(crate) fn give_up(&mut self, site: &'static Site) {
        let degraded = self.is_degraded();
        (self.marks, self.gave_up) = (None, true);
        self.exhaust(site);
        if degraded {
            self.degrade();
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
    CURRENT.with_borrow_mut(look)
}

/// The number of the attempt that runs now, by all retries around it: one more than they have repeated.
#[cfg(feature = "http")]
pub(crate) fn attempt() -> u32 {
    with(|context| u32::from(context.repeats()) + 1)
}

/// Does something with the part of an attempt in place.
pub(crate) fn within<R>(part: &mut Part, work: impl FnOnce() -> R) -> R {
    with(|context| context.exchange(part));
    let _back = InPlace(part);
    work()
}

/// Puts the part of the surroundings back, also on a panic.
struct InPlace<'a>(&'a mut Part);

impl Drop for InPlace<'_> {
    fn drop(&mut self) {
        with(|context| context.exchange(self.0));
    }
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

/// Whether a fallback has answered in the annotated call that runs now: its own, or that of an annotated function called
/// within it. What the call returns is then not all it could be.
///
/// A retry that begins another attempt begins with `false`. A task of [`spawn`](crate::spawn) counts from then on when it is
/// answered; one of `tokio::spawn` does not report back. Outside of an annotated function it is `false`: a handler that wants to know is
/// annotated itself, with a `#[timeout]` for instance.
///
/// ```
/// # use resilience_runtime::context;
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
