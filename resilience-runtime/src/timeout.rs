//! The engine of `#[timeout]`.

use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{self, Poll};
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::timeout::Timeout as Params;

use crate::call::enter;
use crate::context::{self, Limit};
use crate::deadlines::{self, Durations};
use crate::edge::{CarriesRejection, Outcome, edge_rejecting};
use crate::event::{Decision, Event, emit, reject};
use crate::owner::{Owner, sane};
use crate::time::Tick;
use crate::{Kind, Site};

/// A timeout for code without a function.
///
/// ```
/// # use resilience_runtime as resilience;
/// # use std::time::Duration;
/// # use resilience::{Error, Kind, Timeout};
/// static SCAN: Timeout = Timeout::new("scan", Duration::from_millis(10));
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let reply: Result<u32, Error> = SCAN.run(async || std::future::pending().await).await;
/// assert_eq!(reply.unwrap_err().kind(), Kind::Timeout);
/// # });
/// ```
///
/// Its meaning is that of `#[timeout]`: it sets the deadline of what runs inside, and keeps the nearer one around it.
pub struct Timeout {
    owner: Owner,
    params: Params,
    /// Where its deadlines are, once one has waited.
    list: OnceLock<Option<Durations>>,
}

crate::owner::debug_of!(Timeout: this => this.owner);

impl Timeout {
    /// Cuts after this time. The name stands in its rejections.
    ///
    /// # Panics
    ///
    /// Where the time is zero; in a `static` that is a compile error.
    pub const fn new(name: &'static str, after: Duration) -> Self {
        let params = Params { after, ..Params::DEFAULT };
        sane(Policy::Timeout(params));
        Self { owner: Owner::named(name), params, list: OnceLock::new() }
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self { owner: Owner::Site(site), params, list: OnceLock::new() }
    }

    /// Runs `body`, and cuts it after its time: it is dropped where it waits. Dropping the future drops the body.
    pub async fn run<T, E, F>(&self, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            let timed = pin!(edge.attempt(body()));
            self.cut(timed).await
        });
        edge.leave(enter(call).await)
    }

    /// As [`run`](Self::run), after a time of this call's own, which counts instead of the one that the timeout was made with.
    /// Zero is a [`Timeout`](Kind::Timeout) whose body does not run.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use std::time::Duration;
    /// # use resilience::{Error, Timeout};
    /// # async fn read(_: &str) -> Result<u32, Error> { Ok(7) }
    /// static SCAN: Timeout = Timeout::new("scan", Duration::from_secs(1));
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let limit = Duration::from_millis(200);
    /// assert_eq!(SCAN.run_for(limit, || read("a")).await, Ok(7));
    /// # });
    /// ```
    pub async fn run_for<T, E, F>(&self, after: Duration, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            let timed = pin!(edge.attempt(body()));
            self.cut_after(after, timed).await
        });
        edge.leave(enter(call).await)
    }

    fn list(&self) -> Option<Durations> {
        *self.list.get_or_init(|| deadlines::of(self.params.after))
    }

    /// Cuts `future` after its time, or at the deadline around it if that is nearer. The future is dropped by its owner,
    /// right after.
    #[doc(hidden)]
    pub fn cut<'a, F>(&'a self, future: Pin<&'a mut F>) -> Timed<'a, F> {
        Timed { future, timeout: self, after: Written, plan: None }
    }

    /// The same after another time.
    #[doc(hidden)]
    pub fn cut_after<'a, F>(&'a self, after: Duration, future: Pin<&'a mut F>) -> Timed<'a, F, Duration> {
        Timed { future, timeout: self, after, plan: None }
    }
}

/// The future of [`Timeout::cut`].
#[must_use = "futures do nothing unless polled"]
pub struct Timed<'a, F, A = Written> {
    future: Pin<&'a mut F>,
    timeout: &'a Timeout,
    after: A,
    plan: Option<Plan>,
}

/// Where the time of a call is: a future that need not hold one does not.
pub trait After: Copy + Unpin {
    /// Whether it is the same for all calls, whose deadlines then come in the order in which they began.
    #[doc(hidden)]
    const IS_WRITTEN: bool;

    #[doc(hidden)]
    fn of(self, timeout: &Timeout) -> Duration;
}

/// The one that the timeout was made with.
#[derive(Clone, Copy)]
pub struct Written;

impl After for Written {
    const IS_WRITTEN: bool = true;

    fn of(self, timeout: &Timeout) -> Duration {
        timeout.params.after
    }
}

/// One of this call's own.
impl After for Duration {
    const IS_WRITTEN: bool = false;

    fn of(self, _: &Timeout) -> Duration {
        self
    }
}

/// What was decided when the call began.
struct Plan {
    /// The limit around, put back at the end.
    around: Option<Limit>,
    /// The limit, without what only the context needs: a call carries a plan for each of its timeouts.
    at: Tick,
    from_start: bool,
    cut: Cut,
}

/// Who cuts the call, and as what.
#[derive(Clone, Copy, PartialEq)]
enum Cut {
    /// This timeout, at its own limit.
    Own,
    /// This timeout, at the deadline around it, which nobody else in this task watches.
    Around,
    /// A timeout further out, which fires first.
    Outer,
    /// The deadline around has passed before anything began.
    Passed,
    /// This timeout, which has no time at all.
    Nothing,
}

impl Plan {
    /// Sets the deadline of the call to the nearer of the two. What was decided is written where it stays.
    fn make(place: &mut Option<Self>, after: Duration) -> &Self {
        context::with(|context| {
            let around = context.limit;
            let own = context.limit_in(after);
            let nearer = around.filter(|outer| context.comes_first(*outer, own));
            context.limit = Some(nearer.unwrap_or(own).watched());
            let (limit, cut) = match nearer {
                _ if after.is_zero() => (own, Cut::Nothing),
                None => (own, Cut::Own),
                Some(outer) if outer.is_watched => (own, Cut::Outer),
                Some(outer) if context.is_over(outer) => (outer, Cut::Passed),
                Some(outer) => (outer, Cut::Around),
            };
            place.insert(Self { around, at: limit.at, from_start: limit.from_start, cut })
        })
    }

    fn limit(&self) -> Limit {
        Limit { at: self.at, from_start: self.from_start, is_watched: true }
    }

    /// The future is ready: the limit around is put back. Whether it was late, as far as somebody has looked at the clock.
    fn end(&self) -> bool {
        context::with(|context| {
            let late = self.cut != Cut::Outer && context.rang && context.is_over(self.limit());
            context.limit = self.around;
            late
        })
    }

    /// The future is pending: what it is to be cut as, if it is.
    fn cut(&self, list: impl FnOnce() -> Option<Durations>) -> Option<Kind> {
        let (kind, grace) = match self.cut {
            Cut::Own | Cut::Nothing => (Kind::Timeout, Duration::ZERO),
            // It fires first, unless this call was moved away from under it: then a little later is soon enough.
            Cut::Outer => (Kind::Timeout, Duration::from_millis(1)),
            Cut::Around | Cut::Passed => (Kind::DeadlineExceeded, Duration::ZERO),
        };
        context::with(|context| {
            let at = context.resolve(self.limit()).after(grace);
            let list = if self.cut == Cut::Own { list() } else { None };
            if !context.reached_in(at, list) {
                return None;
            }
            context.limit = self.around;
            Some(kind)
        })
    }
}

impl<F: Future<Output = Outcome<T, E>>, A: After, T, E> Future for Timed<'_, F, A> {
    type Output = Outcome<T, E>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let Self { future, timeout, after, plan } = &mut *self;
        let site = timeout.owner.site();
        let plan = match plan {
            Some(plan) => plan,
            None => Plan::make(plan, after.of(timeout)),
        };
        let not_begun = match plan.cut {
            Cut::Passed => Some(reject(Kind::DeadlineExceeded, site)),
            Cut::Nothing => Some(reject(Kind::Timeout, site).without_time()),
            Cut::Own | Cut::Around | Cut::Outer => None,
        };
        if let Some(rejection) = not_begun {
            plan.end();
            return Poll::Ready(Err(rejection.into()));
        }
        if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
            if plan.end() {
                emit(&Event { site: site.name(), decision: Decision::Late });
            }
            return Poll::Ready(outcome);
        }
        match plan.cut(|| if A::IS_WRITTEN { timeout.list() } else { None }) {
            Some(kind) => Poll::Ready(Err(reject(kind, site).into())),
            None => Poll::Pending,
        }
    }
}
