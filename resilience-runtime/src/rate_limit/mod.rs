//! The engine of `#[rate_limit]`.

mod state;
mod turn;

use std::pin::pin;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::rate_limit::RateLimit as Params;

pub use turn::Turn;

use crate::Site;
use crate::call::enter;
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::gauges::{Gauged, Gauges};
use crate::keyed::{Chosen, Keeps};
use crate::owner::{Owner, sane};
use crate::state::{Home, InUse};
use crate::time::Tick;
use state::State;

/// A rate limit that many functions share: so many calls of one dependency per time.
///
/// ```
/// use std::time::Duration;
/// use resilience_runtime::RateLimit;
///
/// static API: RateLimit = RateLimit::new("api", 100).burst(20).max_wait(Duration::from_millis(100));
/// ```
///
/// `#[rate_limit(share = API)]` takes it, or a field of a client, as in `share = self.limit`; [`run`](Self::run) serves
/// where no function can be annotated. Parameters, defaults and meaning are those of the attribute. A value that the
/// attribute would refuse panics, which in a `static` is a compile error.
pub struct RateLimit {
    owner: Owner,
    params: Params,
    home: Home<State>,
}

impl RateLimit {
    /// Lets so many permits through per second, with a whole burst at the start. The name stands in the rejections of
    /// [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// Where it is zero, or more than one per microsecond.
    pub const fn new(name: &'static str, permits: u32) -> Self {
        let owner = Owner::named(name);
        Self { owner, params: Params::DEFAULT, home: Home::new(State::new()) }
            .with(Params { permits, ..Params::DEFAULT })
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self { owner: Owner::Site(site), params, home: Home::new(State::new()) }
    }

    /// The time that `permits` counts for (1 s).
    ///
    /// # Panics
    ///
    /// Where it is zero, longer than a day, or less than a microsecond per permit.
    #[must_use]
    pub const fn per(self, time: Duration) -> Self {
        let params = Params { per: time, ..self.params };
        self.with(params)
    }

    /// Permits that can be taken at once (as many as `permits`).
    ///
    /// # Panics
    ///
    /// Where it is zero, or takes more than a year to come back.
    #[must_use]
    pub const fn burst(self, permits: u32) -> Self {
        let params = Params { burst: Some(permits), ..self.params };
        self.with(params)
    }

    /// How long a call waits for its permits (it does not).
    ///
    /// # Panics
    ///
    /// Where it is zero, or longer than a day.
    #[must_use]
    pub const fn max_wait(self, time: Duration) -> Self {
        let params = Params { max_wait: Some(time), ..self.params };
        self.with(params)
    }

    const fn with(mut self, params: Params) -> Self {
        sane(Policy::RateLimit(params));
        self.params = params;
        self
    }

    /// Runs `body` for one permit, at once or after a wait, or rejects it.
    ///
    /// ```
    /// # use resilience_runtime::{Error, RateLimit};
    /// # static API: RateLimit = RateLimit::new("api", 100);
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let reply: Result<u32, Error> = API.run(async || Ok(7)).await;
    /// assert_eq!(reply, Ok(7));
    /// # });
    /// ```
    ///
    /// Dropping the future drops the body, or gives its reservation back.
    pub async fn run<T, E, F>(&self, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            self.admit(self.owner.site(), 1).await?;
            edge.attempt(body()).await
        });
        edge.leave(enter(call).await)
    }

    /// What it holds at this moment: the calls that wait.
    pub fn gauges(&self) -> Gauges {
        self.in_use().gauges()
    }

    /// Lets a call of `site` through, at once or after a wait, or rejects it.
    #[doc(hidden)]
    pub fn admit(&self, site: &'static Site, weight: u32) -> Turn<'_> {
        Turn::new(self, site, weight, Ok(None))
    }

    fn in_use(&self) -> InUse<'_, State> {
        self.home.in_use(State::new)
    }
}

impl Gauged for RateLimit {
    fn gauges(&self) -> Gauges {
        self.gauges()
    }
}

impl Keeps for RateLimit {
    type State = State;

    fn new_state() -> State {
        State::new()
    }

    fn may_go(&self, state: &State) -> bool {
        state.is_full(Tick::now())
    }

    fn gauges_of(&self, state: &State) -> Gauges {
        state.gauges()
    }

    fn name(&self) -> &'static str {
        self.owner.name()
    }
}

impl<'a> Chosen<'a, RateLimit> {
    /// Lets a call through under its key, at once or after a wait, or rejects it.
    pub fn admit(&self, weight: u32) -> Turn<'a> {
        Turn::new(self.engine, self.site, weight, self.state())
    }
}
