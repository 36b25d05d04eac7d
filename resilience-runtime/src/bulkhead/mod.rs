//! The engine of `#[bulkhead]`.

mod admission;
mod crossing;
mod places;
mod pool;

use std::pin::pin;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::bulkhead::Bulkhead as Params;

pub use admission::{Admission, Place};
pub use crossing::{Crossing, HandedOver, Returnable, Sendable, crossing, crossing_of, hand_over};
pub(crate) use places::Places;
pub use pool::Pool;

use crate::Site;
use crate::call::enter;
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::gauges::{Gauged, Gauges};
use crate::key::Encoded;
use crate::keyed::{Chosen, Keeps};
use crate::owner::{Owner, sane};
use crate::state::{Home, InUse};

/// A bulkhead that many functions share: so many calls of one dependency at a time.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::Bulkhead;
///
/// static DATABASE: Bulkhead = Bulkhead::new("database", 32).queue(64).max_wait(Duration::from_millis(100));
/// ```
///
/// `#[bulkhead(share = DATABASE)]` takes it, or a field of a client, as in `share = self.bulkhead`; [`run`](Self::run)
/// serves where no function can be annotated. Parameters, defaults and meaning are those of the attribute. A value that
/// the attribute would refuse panics, which in a `static` is a compile error.
pub struct Bulkhead {
    owner: Owner,
    params: Params,
    home: Home<Places>,
}

crate::owner::debug_of!(Bulkhead: this => this.owner, "gauges": this.gauges());

impl Bulkhead {
    /// Lets in `max` calls at a time. The name stands in the rejections of [`run`](Self::run).
    ///
    /// # Panics
    ///
    /// Where `max` is not from 1 to 100 000.
    pub const fn new(name: &'static str, max: u32) -> Self {
        let owner = Owner::named(name);
        Self { owner, params: Params::DEFAULT, home: Home::new(Places::new()) }
            .with(Params { max, ..Params::DEFAULT })
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self { owner: Owner::Site(site), params, home: Home::new(Places::new()) }
    }

    /// So many calls may wait for a place (0).
    ///
    /// # Panics
    ///
    /// Where it is more than 100 000, or zero after a `max_wait`.
    #[must_use]
    pub const fn queue(self, calls: u32) -> Self {
        let params = Params { queue: calls, ..self.params };
        self.with(params)
    }

    /// How long a call waits (up to the deadline around it). Comes after `queue`.
    ///
    /// # Panics
    ///
    /// Where it is zero, or where no call may wait.
    #[must_use]
    pub const fn max_wait(self, time: Duration) -> Self {
        let params = Params { max_wait: Some(time), ..self.params };
        self.with(params)
    }

    const fn with(mut self, params: Params) -> Self {
        self.set(params);
        self
    }

    const fn set(&mut self, params: Params) {
        sane(Policy::Bulkhead(params));
        self.params = params;
    }

    /// Runs `body` in a place of this bulkhead, at once or after a wait, or rejects it.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use resilience::{Bulkhead, Error};
    /// # static DATABASE: Bulkhead = Bulkhead::new("database", 32);
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let rows: Result<u32, Error> = DATABASE.run(async || Ok(7)).await;
    /// assert_eq!(rows, Ok(7));
    /// # });
    /// ```
    ///
    /// Dropping the future drops the body, and gives its place back, or its place in the queue.
    pub async fn run<T, E, F>(&self, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            let place = self.admit(self.owner.site()).await?;
            let outcome = edge.attempt_later(body()).await;
            drop(place);
            outcome
        });
        edge.leave(enter(call).await)
    }

    /// What it holds at this moment: the calls in a place, and those that wait for one.
    pub fn gauges(&self) -> Gauges {
        self.in_use().gauges()
    }

    /// Lets a call of `site` in, at once or after a wait, or rejects it.
    #[doc(hidden)]
    pub fn admit(&self, site: &'static Site) -> Admission<'_> {
        Admission::new(self, site, Ok(None))
    }

    fn in_use(&self) -> InUse<'_, Places> {
        self.home.in_use(Places::new)
    }
}

impl Gauged for Bulkhead {
    fn gauges(&self) -> Gauges {
        self.gauges()
    }
}

impl Keeps for Bulkhead {
    type State = Places;

    fn new_state(&self, _: &Encoded) -> Places {
        Places::new()
    }

    /// Who holds a place holds its state.
    fn may_go(&self, _: &Places) -> bool {
        true
    }

    fn gauges_of(&self, state: &Places) -> Gauges {
        state.gauges()
    }

    fn name(&self) -> &'static str {
        self.owner.name()
    }
}

impl<'a> Chosen<'a, Bulkhead> {
    /// Lets a call in under its key, at once or after a wait, or rejects it.
    pub fn admit(&self) -> Admission<'a> {
        Admission::new(self.engine, self.site, self.state())
    }
}
