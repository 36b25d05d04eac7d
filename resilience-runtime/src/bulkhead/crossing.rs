//! How a part of a call gets onto a thread of a pool, and what comes back of it.

use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{self, Poll};
use std::time::Duration;

use tokio::task::JoinHandle;
use tracing::Instrument;
use tracing::instrument::WithSubscriber;

use super::{Place, Pool};
use crate::call::go_on;
use crate::context::{self, Context, Tally};
use crate::edge::{Edge, Outcome, Returns};
use crate::event::reject;
use crate::state::InUse;
use crate::time::Tick;
use crate::{Kind, Site, runtime};

/// An argument that a thread of a pool can have: everything that is `Send`. It must be `'static` too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be handed to a thread of a pool",
    label = "the body runs on another thread, and this argument is not `Send`",
    note = "take an `Arc` instead of an `Rc`, a `Mutex` instead of a `RefCell`",
    note = "a type parameter needs `Send + 'static`"
)]
pub trait Sendable: Send {}

#[diagnostic::do_not_recommend]
impl<T: Send> Sendable for T {}

/// Hands an argument over.
pub fn hand_over<T: Sendable>(argument: T) -> T {
    argument
}

/// A value or an error that can come back from a thread of a pool: everything that is `Send`. It must be `'static` too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot come back from a thread of a pool",
    label = "the body runs on another thread, and what it returns is not `Send`",
    note = "return an `Arc` instead of an `Rc`, a `Box<dyn Error + Send + Sync>` instead of a `Box<dyn Error>`",
    note = "a type parameter needs `Send + 'static`"
)]
pub trait Returnable: Send {}

#[diagnostic::do_not_recommend]
impl<T: Send> Returnable for T {}

/// The way onto a thread of a pool. Its methods ask nothing of the user's types, so that what is missing is reported
/// once, at the return type.
pub struct Crossing<T, E> {
    spawn: fn(&'static Pool, Task<T, E>) -> Spawned<T, E>,
}

/// The way for what comes back as `R`.
pub fn crossing<R>() -> Crossing<R::Value, R::Error>
where
    R: Returns<Value: Returnable + 'static, Error: Returnable + 'static>,
{
    Crossing { spawn: |pool, task| pool.workers().spawn(task) }
}

/// The same for a result that need not be a `Result`.
pub fn crossing_of<R>(_: &Edge<R>) -> Crossing<R::Value, R::Error>
where
    R: Returns<Value: Returnable + 'static, Error: Returnable + 'static>,
{
    crossing::<R>()
}

impl<T: 'static, E: 'static> Crossing<T, E> {
    /// Runs `part` of the call on a thread of `pool`. It starts now; the place goes along.
    pub fn run<F>(
        &self,
        pool: &'static Pool,
        site: &'static Site,
        place: Place<'static>,
        part: F,
    ) -> HandedOver<T, E>
    where
        F: Future<Output = Outcome<T, E>> + Send + 'static,
    {
        let hand = Arc::new(Hand::new(pool.abandoned()));
        let known = Tally::default().at_least();
        let context = context::with(|context| {
            let elsewhere = context.elsewhere();
            context.recount(Tally::default(), known);
            elsewhere
        });
        let part = Part { future: part, before: context.tally(), hand: Arc::clone(&hand) };
        let part = async move { go_on(pin!(part), context).await };
        let part = part.in_current_span().with_current_subscriber();
        let body: Body<T, E> = match runtime::scope_around() {
            Some(runtime) => Box::pin(runtime.scope(part)),
            None => Box::pin(part),
        };
        let seat = Arc::new(Mutex::new(Some(Inside { body, _place: place })));
        let task = (self.spawn)(pool, Task { seat: Arc::clone(&seat), hand: Arc::clone(&hand) });
        HandedOver { pool, site, seat, hand, task, known, taken_out: None }
    }
}

type Body<T, E> = Pin<Box<dyn Future<Output = Outcome<T, E>> + Send>>;

/// The body, and the place that it keeps for as long as it exists.
struct Inside<T, E> {
    body: Body<T, E>,
    _place: Place<'static>,
}

/// Where the body is found, by its thread while it is polled, and in between by a caller who goes away.
type Seat<T, E> = Arc<Mutex<Option<Inside<T, E>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What caller and body know of each other.
struct Hand {
    tally: Mutex<Tally>,
    one_is_gone: AtomicBool,
    abandoned: InUse<'static, AtomicUsize>,
}

impl Hand {
    fn new(abandoned: InUse<'static, AtomicUsize>) -> Self {
        Self { tally: Mutex::default(), one_is_gone: AtomicBool::new(false), abandoned }
    }

    /// The caller is gone before the body.
    fn abandon(&self) {
        self.abandoned.fetch_add(1, Ordering::AcqRel);
        self.gone();
    }

    /// One of the two is gone. If it is the second, nobody is abandoned any more.
    fn gone(&self) {
        if self.one_is_gone.swap(true, Ordering::AcqRel) {
            self.abandoned.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

pin_project_lite::pin_project! {
    /// The part of the call on the thread of the pool, inside of its context: it tells what it has done.
    struct Part<F> {
        #[pin]
        future: F,
        before: Tally,
        hand: Arc<Hand>,
    }
}

impl<F: Future> Future for Part<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        *lock(&this.hand.tally) = context::with(|context| context.tally()).since(*this.before);
        polled
    }
}

/// The task as the caller has it. It ends without an outcome if the body was taken out.
type Spawned<T, E> = JoinHandle<Option<Outcome<T, E>>>;

/// The task on the pool.
struct Task<T, E> {
    seat: Seat<T, E>,
    hand: Arc<Hand>,
}

impl<T, E> Future for Task<T, E> {
    type Output = Option<Outcome<T, E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut seat = lock(&self.seat);
        match &mut *seat {
            Some(inside) => inside.body.as_mut().poll(cx).map(Some),
            None => Poll::Ready(None),
        }
    }
}

impl<T, E> Drop for Task<T, E> {
    fn drop(&mut self) {
        let inside = lock(&self.seat).take();
        drop(inside);
        self.hand.gone();
    }
}

/// The caller's end: the future of [`Crossing::run`].
#[must_use = "futures do nothing unless polled"]
pub struct HandedOver<T, E> {
    pool: &'static Pool,
    site: &'static Site,
    seat: Seat<T, E>,
    hand: Arc<Hand>,
    task: Spawned<T, E>,
    /// What this call has counted of the part.
    known: Tally,
    /// The body was taken out. If no timeout has cut the call until then, the call was moved away from under it.
    taken_out: Option<Tick>,
}

impl<T, E> HandedOver<T, E> {
    /// Drops the body, unless it is being polled at this moment.
    fn take_out(&self) -> bool {
        let inside = match self.seat.try_lock() {
            Ok(mut seat) => seat.take(),
            Err(TryLockError::Poisoned(seat)) => seat.into_inner().take(),
            Err(TryLockError::WouldBlock) => return false,
        };
        // What it drops finds the runtime that it was made on.
        let _there = self.pool.workers().enter();
        drop(inside);
        true
    }

    fn recount(&mut self, now: Tally) {
        context::with(|context| context.recount(self.known, now));
        self.known = now;
    }

    /// If a timeout above cuts the call in this very poll, its error says what has run: a body that is taken out before
    /// cannot start in between.
    fn before_a_cut(&mut self) {
        let is_cut = |context: &mut Context| {
            let limit = context.limit.filter(|limit| limit.is_watched);
            limit.is_some_and(|limit| {
                let at = context.resolve(limit);
                context.reached(at)
            })
        };
        if context::with(is_cut) && self.take_out() {
            let done = *lock(&self.hand.tally);
            self.recount(done);
            let end = Tick::now().after(Duration::from_millis(1));
            context::with(|context| context.reached(end));
            self.taken_out = Some(end);
        }
    }
}

impl<T, E> Future for HandedOver<T, E> {
    type Output = Outcome<T, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some(end) = this.taken_out {
            let is_over = context::with(|context| context.reached(end));
            let rejection = is_over.then(|| reject(Kind::DeadlineExceeded, this.site));
            return rejection.map_or(Poll::Pending, |rejection| Poll::Ready(Err(rejection.into())));
        }
        let polled = Pin::new(&mut this.task).poll(cx);
        let told = *lock(&this.hand.tally);
        match polled {
            Poll::Ready(Ok(Some(outcome))) => {
                this.recount(told);
                Poll::Ready(outcome)
            }
            // A task that this end has not aborted ends without an outcome only in a panic.
            Poll::Ready(ended) => resume_unwind(
                ended.err().map_or_else(|| unreachable!("taken out"), |error| error.into_panic()),
            ),
            Poll::Pending => {
                this.recount(told.at_least());
                this.before_a_cut();
                Poll::Pending
            }
        }
    }
}

impl<T, E> Drop for HandedOver<T, E> {
    fn drop(&mut self) {
        // First, or the thread of the pool might drop it, and give its place back only in a moment.
        let is_over = self.take_out();
        self.task.abort();
        if !is_over {
            self.hand.abandon();
        }
    }
}
