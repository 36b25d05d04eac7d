//! The engine of `#[timeout]`.

mod cut;

use std::pin::pin;
use std::sync::OnceLock;
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::timeout::Timeout as Params;

pub use cut::{Cuttable, Timeouts};
pub(crate) use cut::{Plan, cut};

use crate::Site;
use crate::call::enter;
use crate::deadlines::{self, Durations};
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::owner::{Owner, sane};

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
        self.within(None, body).await
    }

    /// As [`run`](Self::run), after a time of this call's own, which counts instead of the one that the timeout was made with.
    /// Zero is a [`Timeout`](crate::Kind::Timeout) whose body does not run.
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
        self.within(Some(after), body).await
    }

    async fn within<T, E, F>(&self, after: Option<Duration>, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            let mut timeouts = Timeouts::<1>::new();
            match after {
                None => timeouts.begin(0, self)?,
                Some(after) => timeouts.begin_for(0, self, after)?,
            }
            let outcome = timeouts.run(edge.attempt_later(body())).await;
            timeouts.end(0);
            outcome
        });
        edge.leave(enter(call).await)
    }

    fn list(&self) -> Option<Durations> {
        *self.list.get_or_init(|| deadlines::of(self.params.after))
    }
}
