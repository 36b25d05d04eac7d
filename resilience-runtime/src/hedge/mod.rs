//! The engine of `#[hedge]`.

mod branch;
mod latencies;

use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::hedge::{After, Hedge as Params};

use crate::Site;
use crate::budget::RetryBudget;
use crate::call::enter;
use crate::context::{self, Limit};
use crate::edge::{Outcome, edge_plain};
use crate::event::{Decision, Event, emit};
use crate::owner::{Owner, sane};
use crate::replicas::{Path, picks};
use crate::state::{Home, InUse};
use crate::time::Tick;
use branch::Branch;
use latencies::Latencies;

/// A hedge for code without a function.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::Hedge;
/// # use resilience::Error;
///
/// static SEARCH: Hedge = Hedge::new("search", "it only reads").after(Duration::from_millis(50));
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let hits: Result<u32, Error> = SEARCH.run(async || Ok(7)).await;
/// assert_eq!(hits, Ok(7));
/// # });
/// ```
///
/// Parameters, defaults and meaning are those of `#[hedge]`. A value that the attribute would refuse panics, which in a
/// `static` is a compile error.
pub struct Hedge {
    owner: Owner,
    params: Params,
    budget: Option<&'static RetryBudget>,
    home: Home<Latencies>,
}

crate::owner::debug_of!(Hedge: this => this.owner);

impl Hedge {
    /// One further attempt, after the time that 95 of 100 runs take. The name stands in its events; the reason says why
    /// the operation is safe to repeat: it only reads, or the callee deduplicates.
    ///
    /// # Panics
    ///
    /// Where there is no reason.
    pub const fn new(name: &'static str, repeatable: &'static str) -> Self {
        assert!(!repeatable.is_empty(), "say why the operation is safe to repeat, such as \"it only reads\"");
        let params = Params { repeatable: true, ..Params::DEFAULT };
        Self { owner: Owner::named(name), params, budget: None, home: Home::new(Latencies::new()) }
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self { owner: Owner::Site(site), params, budget: None, home: Home::new(Latencies::new()) }
    }

    /// Always this delay, instead of the observed one.
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    pub const fn after(self, delay: Duration) -> Self {
        let params = Params { after: After::Time(delay), initial: None, ..self.params };
        self.with(params)
    }

    /// The delay while too little is observed (100 ms).
    ///
    /// # Panics
    ///
    /// Where it is zero, or the delay is not observed.
    #[must_use]
    pub const fn initial(self, delay: Duration) -> Self {
        let params = Params { initial: Some(delay), ..self.params };
        self.with(params)
    }

    /// Attempts beside the first (1).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 10.
    #[must_use]
    pub const fn max(self, extras: u32) -> Self {
        let params = Params { max: extras, ..self.params };
        self.with(params)
    }

    /// The budget that its further attempts are taken from (none).
    #[must_use]
    pub const fn budget(mut self, budget: &'static RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    const fn with(mut self, params: Params) -> Self {
        sane(Policy::Hedge(params));
        self.params = params;
        self
    }

    /// Runs `body`, and once more beside it while it is slow. The first success wins; an error never beats a pending
    /// attempt. Dropping the future drops all attempts.
    pub async fn run<T, E, F>(&self, body: impl Fn() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_plain::<Result<T, E>>();
        let call = pin!(async {
            self.budget.iter().for_each(|budget| budget.earn());
            let first = pin!(None);
            let mut race = self.race(first, self.budget);
            loop {
                race.start(edge.attempt_later(body()));
                if let Some(outcome) = (&mut race).await {
                    break outcome;
                }
            }
        });
        edge.leave(enter(call).await)
    }

    /// A race of attempts, the first of which stands in `first`, and the others in places of their own.
    #[doc(hidden)]
    pub fn race<'a, F: Future>(
        &'a self,
        first: Pin<&'a mut Option<F>>,
        budget: Option<&'a RetryBudget>,
    ) -> Race<'a, F> {
        let latencies = (self.params.after == After::P95).then(|| self.home.in_use(Latencies::new));
        let delay = match self.params.after {
            After::Time(delay) => delay,
            After::P95 => {
                let observed = latencies.as_ref().and_then(|latencies| latencies.p95());
                observed.or(self.params.initial).unwrap_or(Params::USUAL_INITIAL)
            }
        };
        let start = latencies.is_some().then(Tick::now);
        context::attempts_side_by_side();
        Race {
            name: self.owner.name(),
            budget,
            latencies,
            delay,
            left: self.params.max,
            due: context::with(|context| {
                context.settle_picks();
                context.limit_in(delay)
            }),
            running: 0,
            begun: 0,
            unpolled: 0,
            first: Branch::new(0, first, start),
            extra: Vec::new(),
        }
    }
}

/// Attempts side by side. As a future it is ready with the outcome, or with nothing when it is time to [start](Self::start)
/// another: the loop around it makes each attempt, since a closure that is called many times could not give each one a `self`.
/// It holds no outcome while it is pending, so that an error need not be `Send`.
#[must_use = "futures do nothing unless polled"]
pub struct Race<'a, F> {
    name: &'static str,
    budget: Option<&'a RetryBudget>,
    /// Where runs are observed.
    latencies: Option<InUse<'a, Latencies>>,
    delay: Duration,
    /// Attempts that may still start.
    left: u32,
    /// When the next one does.
    due: Limit,
    running: u32,
    /// How many were started.
    begun: usize,
    /// Those before it were polled for this wakeup.
    unpolled: usize,
    first: Branch<&'a mut Option<F>>,
    /// Empty, and without a heap, while the first is in time.
    extra: Vec<Branch<Box<Option<F>>>>,
}

/// The attempts are pinned where they are, not in here.
impl<F> Unpin for Race<'_, F> {}

/// Whether one of `left` further attempts may start at `at`.
fn may_start(left: u32, at: Tick, deadline: Option<Tick>) -> bool {
    left > 0 && deadline.is_none_or(|deadline| at < deadline)
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Race<'_, F> {
    /// Makes one attempt, where the call must not be repeated.
    pub fn once_if(mut self, once: bool) -> Self {
        self.left = if once { 0 } else { self.left };
        self
    }

    /// Takes an attempt in. It begins when the race is polled.
    pub fn start(&mut self, attempt: F) {
        match self.begun {
            0 => self.first.fill(attempt),
            number => {
                let start = self.latencies.is_some().then(Tick::now);
                self.extra.push(Branch::new(number, Box::pin(Some(attempt)), start));
            }
        }
        self.begun += 1;
        self.running += 1;
    }

    /// The first attempt is number 0.
    fn poll_attempt(&mut self, number: usize, cx: &mut task::Context<'_>) -> Option<Outcome<T, E>> {
        match number.checked_sub(1) {
            None => self.first.poll(cx),
            Some(extra) => self.extra[extra].poll(cx),
        }
    }

    /// Whether it is time for another attempt; if not, the call is polled again when it is.
    fn wants_another(&mut self) -> bool {
        let now = context::with(|context| {
            let (due, deadline) = (context.resolve(self.due), context.deadline());
            let has_come = may_start(self.left, due, deadline) && context.reached(due);
            has_come.then(Tick::now).filter(|now| may_start(self.left, *now, deadline))
        });
        let Some(now) = now else { return false };
        if self.budget.is_some_and(|budget| !budget.spend(now)) {
            self.left = 0;
            return false;
        }
        self.left -= 1;
        self.due = context::with(|context| context.limit_in(self.delay));
        self.tell(self.begun, |attempt| Decision::HedgeStarted { attempt });
        true
    }

    fn tell(&self, number: usize, decision: impl FnOnce(u32) -> Decision<'static>) {
        let attempt = u32::try_from(number + 1).unwrap_or(u32::MAX);
        emit(&Event { site: self.name, decision: decision(attempt) });
    }

    /// This attempt has succeeded: the others are dropped.
    fn won(&mut self, number: usize) {
        if number > 0 {
            self.tell(number, |attempt| Decision::HedgeWon { attempt });
        }
        self.observe(number);
        picks::succeeded(self.path(number));
        self.first.stop();
        self.extra.iter_mut().for_each(Branch::stop);
        // Of those that had ended nothing is left.
        (0..=self.extra.len()).for_each(|other| picks::cancelled(self.path(other)));
    }

    fn path(&self, number: usize) -> Path {
        match number.checked_sub(1) {
            None => self.first.path(),
            Some(extra) => self.extra[extra].path(),
        }
    }

    /// Records the winner's time; and that of a slow one that is given up: it would have taken longer still. Without these
    /// the slow runs were missing from what is observed, and each percentile would be below the last.
    fn observe(&self, winner: usize) {
        let Some(latencies) = &self.latencies else { return };
        let now = Tick::now();
        let first = (self.first.is_running(), self.first.time(now));
        let extra = self.extra.iter().map(|branch| (branch.is_running(), branch.time(now)));
        for (number, (is_running, time)) in std::iter::once(first).chain(extra).enumerate() {
            if number == winner || is_running && time >= self.delay {
                latencies.record(time);
            }
        }
    }

    /// The outcome of this attempt is the call's.
    fn settle(&mut self, number: usize) {
        let part = match number.checked_sub(1) {
            None => self.first.part(),
            Some(extra) => self.extra[extra].part(),
        };
        let part = std::mem::take(part);
        context::with(|context| context.adopt(part));
    }
}

impl<F: Future<Output = Outcome<T, E>>, T, E> Future for Race<'_, F> {
    type Output = Option<Outcome<T, E>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut failed = None;
        for number in std::mem::take(&mut this.unpolled)..this.begun {
            match this.poll_attempt(number, cx) {
                None => {}
                Some(Ok(value)) => {
                    this.won(number);
                    this.settle(number);
                    return Poll::Ready(Some(Ok(value)));
                }
                Some(Err(stop)) => {
                    picks::failed(this.path(number), stop.verdict());
                    this.running -= 1;
                    failed = Some((number, Err(stop)));
                }
            }
        }
        // An error does not beat a pending attempt. With nobody left to beat, the last one stands.
        if this.running == 0
            && let Some((number, failure)) = failed
        {
            this.settle(number);
            return Poll::Ready(Some(failure));
        }
        if this.wants_another() {
            this.unpolled = this.begun;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attempt_starts_at_the_deadline_or_after() {
        let at = |ms| Tick::BASE.after(Duration::from_millis(ms));
        assert!(may_start(1, at(50), None));
        assert!(!may_start(0, at(50), None));
        assert!(may_start(1, at(50), Some(at(51))));
        assert!(!may_start(1, at(50), Some(at(50))));
        assert!(!may_start(1, at(51), Some(at(50))));
    }
}
