//! The engine of `#[circuit_breaker]`.

mod breaker;
mod clock;
mod gate;
mod machine;
mod permit;
mod sync;
#[cfg(test)]
mod tests;
mod window;

use std::pin::pin;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::circuit_breaker::{CircuitBreaker as Params, Window};

pub(crate) use breaker::Breaker;
pub use machine::State;
pub use permit::Permit;

use crate::call::enter;
use crate::edge::{PolicyError, edge};
use crate::gauges::{Gauged, Gauges};
use crate::key::Encoded;
use crate::keyed::{Chosen, Keeps};
use crate::owner::{Owner, sane};
use crate::state::{Home, InUse};
use crate::{Error, Site};
use sync::cells;

/// A circuit breaker that many functions share: one opinion on one dependency.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::CircuitBreaker;
///
/// static GATEWAY: CircuitBreaker =
///     CircuitBreaker::new("gateway").failure_rate(0.3).open_for(Duration::from_secs(10));
/// ```
///
/// `#[circuit_breaker(share = GATEWAY)]` takes it, or a field of a client, as in `share = self.breaker`; [`run`](Self::run)
/// serves where no function can be annotated. Parameters, defaults and meaning are those of the attribute. A value that
/// the attribute would refuse panics, which in a `static` is a compile error.
pub struct CircuitBreaker {
    owner: Owner,
    params: Params,
    home: Home<Breaker>,
}

crate::owner::debug_of!(CircuitBreaker: this => this.owner, "state": this.state());

impl CircuitBreaker {
    cells! {
        /// Closed. The name stands in its events, and in the rejections of [`run`](Self::run).
        pub fn new(name: &'static str) -> Self {
            Self { owner: Owner::named(name), params: Params::DEFAULT, home: Home::new(Breaker::new()) }
        }
    }

    cells! {
        #[doc(hidden)]
        pub fn of_site(site: &'static Site, params: Params) -> Self {
            Self { owner: Owner::Site(site), params, home: Home::new(Breaker::new()) }
        }
    }

    /// Opens when at least this share of the window has failed (0.5).
    ///
    /// # Panics
    ///
    /// Where it is not above 0 and at most 1.
    #[must_use]
    pub const fn failure_rate(self, rate: f64) -> Self {
        let params = Params { failure_rate: rate, ..self.params };
        self.with(params)
    }

    /// The rate is taken over the calls of the last time (10 s).
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    pub const fn window(self, time: Duration) -> Self {
        let params = Params { window: Window::Time(time), ..self.params };
        self.with(params)
    }

    /// The rate is taken over the last calls instead.
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 10 000, or less than `min_calls`.
    #[must_use]
    pub const fn window_calls(self, calls: u32) -> Self {
        let params = Params { window: Window::Calls(calls), ..self.params };
        self.with(params)
    }

    /// Calls in the window before the first decision (10, or the window if that holds fewer).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 10 000, or more than a window of calls holds.
    #[must_use]
    pub const fn min_calls(self, calls: u32) -> Self {
        let params = Params { min_calls: Some(calls), ..self.params };
        self.with(params)
    }

    /// Opens after so many failures in a row, whatever the window says (off).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 10 000.
    #[must_use]
    pub const fn consecutive(self, failures: u32) -> Self {
        let params = Params { consecutive: Some(failures), ..self.params };
        self.with(params)
    }

    /// How long it rejects before it asks again (5 s).
    ///
    /// # Panics
    ///
    /// Where it is zero, or longer than `max_open_for`.
    #[must_use]
    pub const fn open_for(self, time: Duration) -> Self {
        let params = Params { open_for: time, ..self.params };
        self.with(params)
    }

    /// What `open_for` doubles up to while probes keep failing (`open_for`).
    ///
    /// # Panics
    ///
    /// Where it is shorter than `open_for`.
    #[must_use]
    pub const fn max_open_for(self, time: Duration) -> Self {
        let params = Params { max_open_for: Some(time), ..self.params };
        self.with(params)
    }

    /// Calls that are let in to ask (3).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 100.
    #[must_use]
    pub const fn probes(self, probes: u32) -> Self {
        let params = Params { probes, ..self.params };
        self.with(params)
    }

    /// When a probe that has not ended has failed (the longer of `open_for` and 10 s).
    ///
    /// # Panics
    ///
    /// Where it is zero.
    #[must_use]
    pub const fn probe_timeout(self, time: Duration) -> Self {
        let params = Params { probe_timeout: Some(time), ..self.params };
        self.with(params)
    }

    /// Opens too when at least the share `rate` of the window took `time` or longer (off).
    ///
    /// # Panics
    ///
    /// Where the time is zero, or the rate not above 0 and at most 1.
    #[must_use]
    pub const fn slow(self, time: Duration, rate: f64) -> Self {
        let params = Params { slow_call: Some(time), slow_rate: rate, ..self.params };
        self.with(params)
    }

    const fn with(mut self, params: Params) -> Self {
        sane(Policy::CircuitBreaker(params));
        self.params = params;
        self
    }

    /// Runs `body` under this breaker, as one call: rejected while it is open, recorded by what its error means.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use resilience::{CircuitBreaker, Error};
    /// # static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway");
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let reply: Result<u32, Error> = GATEWAY.run(async || Ok(7)).await;
    /// assert_eq!(reply, Ok(7));
    /// # });
    /// ```
    ///
    /// Dropping the future drops the body, and says nothing about the callee.
    pub async fn run<T, E, F>(&self, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: PolicyError,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge::<Result<T, E>>();
        let call = pin!(async {
            let mut permit = self.admit(self.owner.site())?;
            let outcome = edge.attempt_later(body()).await;
            permit.settle(edge.verdict(&outcome, None, None));
            outcome
        });
        edge.leave(enter(call).await)
    }

    /// The state, as the last call has left it: an open breaker whose time is over is half open when the next call comes.
    pub fn state(&self) -> State {
        self.in_use().state()
    }

    /// What it holds at this moment: the probes that are out.
    pub fn gauges(&self) -> Gauges {
        self.gauges_of(&self.in_use())
    }

    /// Lets a call of `site` in, or rejects it.
    #[doc(hidden)]
    pub fn admit(&self, site: &'static Site) -> Result<Permit<&Self>, Error> {
        Permit::of(self, self.home.scoped(Breaker::new), site)
    }

    /// One like this for each member of a set that has its name.
    pub(crate) fn into_members(self, members: usize) -> Box<[Self]> {
        let owners = (0..members).map(|index| Owner::member(self.owner.name(), index));
        owners.map(|owner| Self { owner, params: self.params, home: Home::new(Breaker::new()) }).collect()
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.in_use().is_closed()
    }

    /// What its rejections speak of, where no function is called.
    pub(crate) fn site(&self) -> &'static Site {
        self.owner.site()
    }

    fn in_use(&self) -> InUse<'_, Breaker> {
        self.home.in_use(Breaker::new)
    }
}

impl Gauged for CircuitBreaker {
    fn gauges(&self) -> Gauges {
        self.gauges()
    }
}

impl Keeps for CircuitBreaker {
    type State = Breaker;

    fn new_state(&self, _: &Encoded) -> Breaker {
        Breaker::of_key()
    }

    fn may_go(&self, state: &Breaker) -> bool {
        state.is_closed()
    }

    fn name(&self) -> &'static str {
        self.owner.name()
    }

    fn gauges_of(&self, state: &Breaker) -> Gauges {
        Gauges { probes: state.probes(), ..Gauges::default() }
    }
}

impl<'a> Chosen<'a, CircuitBreaker> {
    /// Lets a call in under its key, or rejects it.
    pub fn admit(&self) -> Result<Permit<&'a CircuitBreaker>, Error> {
        let state = self.state()?;
        Permit::of(self.engine, state.or_else(|| self.engine.home.scoped(Breaker::new)), self.site)
    }
}
