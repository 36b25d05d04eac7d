//! The engine of `#[rate_limit]`.

mod count;
mod fleet;
mod gcra;
mod state;
mod turn;

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::rate_limit::{Fail, RateLimit as Params};

pub(crate) use gcra::Rate;
pub use turn::Turn;

use crate::Site;
use crate::call::enter;
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::gauges::{Gauged, Gauges};
use crate::key::{self, Encoded};
use crate::keyed::{Chosen, Keeps};
use crate::owner::{Owner, sane};
use crate::state::{Home, InUse};
use count::Count;

/// A rate limit that many functions share: so many calls of one dependency per time.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::RateLimit;
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
    home: Home<Count>,
    /// Where it is a limit of the fleet.
    name_in_stores: OnceLock<[u8; 32]>,
}

crate::owner::debug_of!(RateLimit: this => this.owner, "gauges": this.gauges());

impl RateLimit {
    /// Lets so many permits through per second, with a whole burst at the start. The name stands in the rejections of
    /// [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// Where it is zero, or more than one per microsecond.
    pub const fn new(name: &'static str, permits: u32) -> Self {
        Self::of(Owner::named(name), Params::DEFAULT).with(Params { permits, ..Params::DEFAULT })
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self::of(Owner::Site(site), params)
    }

    const fn of(owner: Owner, params: Params) -> Self {
        Self { owner, params, home: Home::new(Count::new(None)), name_in_stores: OnceLock::new() }
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

    /// Counts in the store of the runtime's backend, for the whole fleet, instead of in this process. Limits of one name are
    /// one limit there.
    #[must_use]
    pub const fn fleet(self, fail: Fail) -> Self {
        let params = Params { fleet: Some(fail), ..self.params };
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
    /// # use resilience_runtime as resilience;
    /// # use resilience::{Error, RateLimit};
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
            edge.attempt_later(body()).await
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

    fn in_use(&self) -> InUse<'_, Count> {
        self.home.in_use(|| Count::new(None))
    }

    /// A function can have several.
    fn name_in_stores(&self) -> &[u8; 32] {
        self.name_in_stores.get_or_init(|| {
            let number = match &self.owner {
                Owner::Site(site) => number(site, &self.params),
                Owner::Name(..) => 0,
            };
            key::limit(self.owner.stored_name(), number)
        })
    }
}

/// Which of the fleet's limits of this function it is. Its parameters do not count: a release may change them.
fn number(site: &Site, params: &Params) -> u32 {
    let limits =
        site.policies().iter().filter(|policy| matches!(policy, Policy::RateLimit(it) if it.fleet.is_some()));
    let before = limits.take_while(|policy| !policy.same(&Policy::RateLimit(*params))).count();
    u32::try_from(before).unwrap_or(u32::MAX)
}

impl Gauged for RateLimit {
    fn gauges(&self) -> Gauges {
        self.gauges()
    }
}

impl Keeps for RateLimit {
    type State = Count;

    fn new_state(&self, key: &Encoded) -> Count {
        Count::new(self.params.fleet.map(|_| key::limit_of(self.name_in_stores(), key)))
    }

    fn may_go(&self, count: &Count) -> bool {
        count.may_go()
    }

    fn gauges_of(&self, count: &Count) -> Gauges {
        count.gauges()
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
