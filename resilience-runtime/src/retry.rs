//! The engine of `#[retry]`.

use std::pin::pin;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::retry::{Backoff, Jitter, Retry as Params};

use crate::budget::RetryBudget;
use crate::call::{enter, pause};
use crate::context;
use crate::edge::edge_classifying;
use crate::event::{Decision, Event, emit};
use crate::failure::Verdict;
use crate::owner::{Owner, sane};
use crate::replicas::picks;
use crate::time::Tick;
use crate::{Failure, Site};

/// A retry for code without a function.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::{Backoff, Retry, RetryBudget};
/// # use resilience::Error;
///
/// static BUDGET: RetryBudget = RetryBudget::new();
/// static PRICES: Retry = Retry::new("prices", "it only reads")
///     .attempts(4)
///     .backoff(Backoff::Fixed(Duration::from_millis(20)))
///     .budget(&BUDGET);
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let price: Result<u32, Error> = PRICES.run(async || Ok(7)).await;
/// assert_eq!(price, Ok(7));
/// # });
/// ```
///
/// Parameters, defaults and meaning are those of `#[retry]`. A value that the attribute would refuse panics, which in a
/// `static` is a compile error.
pub struct Retry {
    owner: Owner,
    params: Params,
    budget: Option<&'static RetryBudget>,
}

crate::owner::debug_of!(Retry: this => this.owner);

impl Retry {
    /// Three attempts. The name stands in its events; the reason says why the operation is safe to repeat: it only reads,
    /// or the callee deduplicates.
    ///
    /// # Panics
    ///
    /// Where there is no reason.
    pub const fn new(name: &'static str, repeatable: &'static str) -> Self {
        assert!(!repeatable.is_empty(), "say why the operation is safe to repeat, such as \"it only reads\"");
        let params = Params { repeatable: true, ..Params::DEFAULT };
        Self { owner: Owner::named(name), params, budget: None }
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self { owner: Owner::Site(site), params, budget: None }
    }

    /// Runs in all, the first included (3).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 1000.
    #[must_use]
    pub const fn attempts(self, attempts: u32) -> Self {
        let params = Params { attempts, ..self.params };
        self.with(params)
    }

    /// The wait after a failed attempt (exponential, from 50 ms up to 2 s).
    ///
    /// # Panics
    ///
    /// Where it starts at zero, or above its own limit, or its factor is not from 1 to 100.
    #[must_use]
    pub const fn backoff(self, backoff: Backoff) -> Self {
        let params = Params { backoff, ..self.params };
        self.with(params)
    }

    /// How the wait varies (anything from nothing to the whole).
    #[must_use]
    pub const fn jitter(self, jitter: Jitter) -> Self {
        let params = Params { jitter, ..self.params };
        self.with(params)
    }

    /// No new attempt starts after this time (none).
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    pub const fn max_elapsed(self, time: Duration) -> Self {
        let params = Params { max_elapsed: Some(time), ..self.params };
        self.with(params)
    }

    /// The budget that its repeats are taken from (none).
    #[must_use]
    pub const fn budget(mut self, budget: &'static RetryBudget) -> Self {
        self.budget = Some(budget);
        self
    }

    const fn with(mut self, params: Params) -> Self {
        sane(Policy::Retry(params));
        self.params = params;
        self
    }

    /// Runs `body`, and again after a failure that may pass, by what its error means. The last real error comes back.
    /// Dropping the future drops the attempt or the wait that is under way.
    ///
    /// The closure may change what it captures before it gives its future: `|| { tries += 1; async { ... } }`. An `async ||` may
    /// not: its futures would borrow from it, and what borrows so cannot be spawned, as the compiler has it today.
    pub async fn run<T, E, F>(&self, mut body: impl FnMut() -> F) -> Result<T, E>
    where
        E: Failure,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_classifying::<Result<T, E>>();
        let call = pin!(async {
            let mut attempts = self.start();
            self.budget.iter().for_each(|budget| budget.earn());
            loop {
                attempts.begin();
                // In a block of its own: the outcome need not be `Send` if it is gone before the wait.
                let wait = {
                    let outcome = edge.attempt_later(body()).await;
                    let verdict = edge.verdict(&outcome, None, None);
                    match attempts.next(verdict, self.budget) {
                        Some(wait) => wait,
                        None => break outcome,
                    }
                };
                pause(wait).await?;
            }
        });
        edge.leave(enter(call).await)
    }

    /// Before the first attempt.
    #[doc(hidden)]
    pub fn start(&self) -> Attempts<'_> {
        let start = self.params.max_elapsed.is_some().then(Tick::now);
        Attempts { retry: self, attempt: 0, start, once: None }
    }
}

/// The attempts of one call.
pub struct Attempts<'a> {
    retry: &'a Retry,
    attempt: u32,
    /// Read only where `max_elapsed` needs it.
    start: Option<Tick>,
    once: Option<Once>,
}

/// Why a call must not be repeated. Small: a call carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Once {
    /// It has no key.
    WithoutKey,
    /// Its `only_if` says so.
    Asked,
}

impl Once {
    const fn words(self) -> &'static str {
        match self {
            Self::WithoutKey => "a call without a key is not repeated",
            Self::Asked => "`only_if` does not hold for this call",
        }
    }
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Next {
    /// The outcome stands.
    Done,
    /// It may pass, but there is no further attempt.
    Stop(&'static str),
    /// A retry further inside has given up, and that stands.
    Nested,
    /// Another attempt after this wait.
    Wait(Duration),
}

/// What the decision depends on, besides the parameters.
#[derive(Debug, Clone, Copy)]
struct After {
    attempt: u32,
    verdict: Verdict,
    /// A retry further inside has given up on this very attempt.
    exhausted: bool,
    once: Option<Once>,
    /// Time since the first attempt, where `max_elapsed` is given.
    elapsed: Duration,
    /// Time up to the deadline of the call, if it has one.
    left: Option<Duration>,
    /// From the half-open range of 0 to 1.
    random: f64,
}

/// The whole policy: no clock, no await.
fn decide(retry: &Params, after: After) -> Next {
    let floor = match after.verdict {
        Verdict::Success | Verdict::Permanent | Verdict::Neutral => return Next::Done,
        Verdict::Transient => Duration::ZERO,
        Verdict::Throttled(pause) => pause.unwrap_or_default(),
    };
    if after.exhausted && !retry.nested {
        return Next::Nested;
    }
    if let Some(why) = after.once {
        return Next::Stop(why.words());
    }
    if after.attempt >= retry.attempts {
        return Next::Stop("the attempts are used up");
    }
    let wait = vary(retry.jitter, retry.backoff.after(after.attempt), after.random).max(floor);
    if retry.max_elapsed.is_some_and(|most| after.elapsed.saturating_add(wait) >= most) {
        return Next::Stop("max_elapsed has passed before the next attempt");
    }
    if after.left.is_some_and(|left| wait >= left) {
        return Next::Stop("the deadline comes before the next attempt");
    }
    Next::Wait(wait)
}

fn vary(jitter: Jitter, wait: Duration, random: f64) -> Duration {
    match jitter {
        Jitter::None => wait,
        Jitter::Full => wait.mul_f64(random),
        Jitter::Equal => wait / 2 + (wait / 2).mul_f64(random),
    }
}

impl Attempts<'_> {
    /// Makes one attempt, where the call has no key.
    #[must_use]
    pub fn once_if(self, once: bool) -> Self {
        if once { Self { once: Some(Once::WithoutKey), ..self } } else { self }
    }

    /// Makes one attempt, where this says that the call must not be repeated.
    #[must_use]
    pub fn only_if(self, repeats: bool) -> Self {
        if repeats { self } else { Self { once: Some(Once::Asked), ..self } }
    }

    /// An attempt begins.
    pub fn begin(&mut self) {
        self.attempt += 1;
        context::with(|context| {
            context.clear_marks();
            context.settle_picks();
        });
    }

    /// Whether no other attempt can follow the one that runs now.
    pub fn last(&self) -> bool {
        self.once.is_some() || self.attempt >= self.retry.params.attempts
    }

    /// After an attempt: how long to wait for the next one, if there is one.
    pub fn next(&self, verdict: Verdict, budget: Option<&RetryBudget>) -> Option<Duration> {
        picks::settle(verdict);
        match verdict {
            Verdict::Success => return None,
            Verdict::Permanent => return self.ends(verdict, "the same call would fail again"),
            Verdict::Neutral => return self.ends(verdict, "it does not count as a failure that may pass"),
            Verdict::Transient | Verdict::Throttled(_) => {}
        }
        let (exhausted, deadline) = context::with(|context| (context.exhausted(), context.deadline()));
        let now = (deadline.is_some() || self.start.is_some()).then(Tick::now);
        let next = decide(
            &self.retry.params,
            After {
                attempt: self.attempt,
                verdict,
                exhausted: exhausted.is_some(),
                once: self.once,
                elapsed: now.zip(self.start).map_or(Duration::ZERO, |(now, start)| now.since(start)),
                left: now.zip(deadline).map(|(now, deadline)| deadline.since(now)),
                random: fastrand::f64(),
            },
        );
        let next = match (next, budget) {
            (Next::Wait(_), Some(budget)) if !budget.spend(now.unwrap_or_else(Tick::now)) => {
                Next::Stop("the budget is used up")
            }
            (next, _) => next,
        };
        match next {
            Next::Done => {}
            Next::Wait(wait) => {
                self.tell(Decision::RetryScheduled { attempt: self.attempt + 1, wait });
                return Some(wait);
            }
            Next::Stop(why) => self.stop(verdict, why, None),
            Next::Nested => self.stop(verdict, "a retry further inside has given up", exhausted),
        }
        None
    }

    /// Of a failure that no attempt would mend.
    fn ends(&self, verdict: Verdict, why: &'static str) -> Option<Duration> {
        self.tell(Decision::RetryStopped {
            attempt: self.attempt,
            class: verdict.class_name(),
            why,
            inner: None,
        });
        None
    }

    /// No other attempt follows; with `inner`, because its retry has given up.
    fn stop(&self, verdict: Verdict, why: &'static str, inner: Option<&'static Site>) {
        // A retry that never repeats has not used anything up.
        if self.retry.params.attempts > 1 && self.once.is_none() {
            context::with(|context| context.give_up(inner.unwrap_or(self.retry.owner.site())));
        }
        let (class, inner) = (verdict.class_name(), inner.map(Site::name));
        self.tell(Decision::RetryStopped { attempt: self.attempt, class, why, inner });
    }

    fn tell(&self, decision: Decision<'_>) {
        emit(&Event { site: self.retry.owner.name(), decision });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIXED: Params = Params {
        backoff: Backoff::Fixed(Duration::from_millis(100)),
        jitter: Jitter::None,
        ..Params::DEFAULT
    };
    const FIRST: After = After {
        attempt: 1,
        verdict: Verdict::Transient,
        exhausted: false,
        once: None,
        elapsed: Duration::ZERO,
        left: None,
        random: 0.0,
    };

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_table() {
        let wait = Next::Wait(ms(100));
        assert_eq!(decide(&FIXED, FIRST), wait);
        assert_eq!(decide(&FIXED, After { verdict: Verdict::Success, ..FIRST }), Next::Done);
        assert_eq!(decide(&FIXED, After { verdict: Verdict::Neutral, ..FIRST }), Next::Done);
        assert!(matches!(decide(&FIXED, After { attempt: 3, ..FIRST }), Next::Stop(_)));
        assert!(matches!(decide(&FIXED, After { once: Some(Once::WithoutKey), ..FIRST }), Next::Stop(_)));
        assert_eq!(decide(&FIXED, After { exhausted: true, ..FIRST }), Next::Nested);
        assert_eq!(decide(&Params { nested: true, ..FIXED }, After { exhausted: true, ..FIRST }), wait);
        let throttled = |pause| After { verdict: Verdict::Throttled(pause), ..FIRST };
        assert_eq!(decide(&FIXED, throttled(None)), wait);
        assert_eq!(decide(&FIXED, throttled(Some(ms(20)))), wait);
        assert_eq!(decide(&FIXED, throttled(Some(ms(700)))), Next::Wait(ms(700)));
    }

    #[test]
    fn no_attempt_starts_at_the_deadline_or_after() {
        assert!(matches!(decide(&FIXED, After { left: Some(ms(100)), ..FIRST }), Next::Stop(_)));
        assert_eq!(decide(&FIXED, After { left: Some(ms(101)), ..FIRST }), Next::Wait(ms(100)));
        let short = Params { max_elapsed: Some(ms(150)), ..FIXED };
        assert!(matches!(decide(&short, After { elapsed: ms(50), ..FIRST }), Next::Stop(_)));
        assert_eq!(decide(&short, After { elapsed: ms(49), ..FIRST }), Next::Wait(ms(100)));
    }

    proptest! {
        #[test]
        fn a_wait_keeps_to_its_jitter(wait in 0u64..100_000, random in 0.0f64..1.0) {
            let wait = ms(wait);
            prop_assert!(vary(Jitter::Full, wait, random) <= wait);
            let equal = vary(Jitter::Equal, wait, random);
            prop_assert!(equal >= wait / 2 && equal <= wait);
            prop_assert_eq!(vary(Jitter::None, wait, random), wait);
        }
    }
}
