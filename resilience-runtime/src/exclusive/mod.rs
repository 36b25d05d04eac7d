//! The engine of `#[exclusive]`.

mod lead;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use resilience_policy::Policy;
use resilience_policy::exclusive::{Exclusive as Params, Otherwise};

pub use lead::Lead;

use crate::call::enter;
use crate::context;
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::event::{Decision, Event, emit, reject};
use crate::key::{Encoded, IdempotencyKey, Key, KeyError, Name, Namespace};
use crate::ledger::{Asking, Claimed, Request, Unanswered, later};
use crate::owner::{Owner, lasting, sane};
use crate::runtime::{self, InUse, SoleName};
use crate::time::{self, Tick};
use crate::{Error, Kind, Site};

/// How long the record of a right stays after its release. The fence rises without it; it is there for operators.
const REMEMBERED: Duration = Duration::from_hours(24);

/// A right that one runner in the fleet has at a time, for code without a function: the leader of several replicas.
///
/// ```
/// # use resilience_runtime as resilience;
/// use std::time::Duration;
/// use resilience::{Error, Exclusive, context};
///
/// static REPORTS: Exclusive = Exclusive::new("reports").lease(Duration::from_secs(30)).waiting();
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let done: Result<(), Error> = REPORTS.run(async || {
///     let token = context::fencing_token(); // goes into each write, for a store that refuses an older one
///     assert!(token.is_some());
///     Ok(())
/// }).await;
/// assert_eq!(done, Ok(()));
/// # });
/// ```
///
/// Meaning and defaults are those of `#[exclusive]`. All that bear the same name, in any process, are one right.
pub struct Exclusive {
    owner: Owner,
    params: Params,
    names: OnceLock<Names>,
    sole_name: SoleName,
    /// It has said that nobody chose a ledger.
    warned: AtomicBool,
}

crate::owner::debug_of!(Exclusive: this => this.owner);

/// What its records are called.
struct Names {
    namespace: Namespace,
    /// For the eyes of operators.
    site: &'static str,
    /// What stands in place of a key where there is none.
    whole: Result<Encoded, KeyError>,
}

impl Exclusive {
    /// A right of this name, which stands in its rejections as well. A call that finds it held is rejected.
    pub const fn new(name: &'static str) -> Self {
        Self::of(Owner::named(name), Params::DEFAULT)
    }

    #[doc(hidden)]
    pub const fn of_site(site: &'static Site, params: Params) -> Self {
        Self::of(Owner::Site(site), params)
    }

    const fn of(owner: Owner, params: Params) -> Self {
        Self {
            owner,
            params,
            names: OnceLock::new(),
            sole_name: SoleName::new(),
            warned: AtomicBool::new(false),
        }
    }

    /// How long the right stands without renewal (10 s).
    ///
    /// # Panics
    ///
    /// Where it is shorter than 100 ms or longer than a day; in a `static` that is a compile error.
    #[must_use]
    pub const fn lease(mut self, time: Duration) -> Self {
        self.params.lease = time;
        sane(Policy::Exclusive(self.params));
        self
    }

    /// A call that finds the right held waits for its turn, up to the deadline around it.
    #[must_use]
    pub const fn waiting(mut self) -> Self {
        self.params.otherwise = Otherwise::Wait;
        self
    }

    /// Runs `body` while nobody else in the fleet does.
    ///
    /// Dropping the future drops the body, and gives the right back. A right that is lost drops the body:
    /// [`Kind::LeaseLost`].
    pub async fn run<T, E, F>(&self, body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        self.run_with(None, body).await
    }

    /// Runs `body` while nobody else in the fleet does under this key.
    pub async fn run_for<T, E, F>(&self, key: &(impl Key + ?Sized), body: impl FnOnce() -> F) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        self.run_with(Some(Encoded::of(key)), body).await
    }

    async fn run_with<T, E, F>(
        &self,
        key: Option<Result<Encoded, KeyError>>,
        body: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        E: CarriesRejection,
        F: Future<Output = Result<T, E>>,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let call = pin!(async {
            let mut lead = self.lead(key.as_ref()).await?;
            let body = pin!(edge.attempt_later(body()));
            lead.keep(body).await
        });
        edge.leave(enter(call).await)
    }

    /// Gets the right, at once or after a wait, or a rejection.
    #[doc(hidden)]
    pub async fn lead(&self, key: Option<&Result<Encoded, KeyError>>) -> Result<Lead, Error> {
        let site = self.owner.site();
        let names = self.names();
        let key = key
            .unwrap_or(&names.whole)
            .as_ref()
            .map_err(|why| reject(Kind::InvalidKey, site).because(*why))?;
        // One right for all types of a generic function excludes more than it must, and nothing else.
        self.sole_name.check(site, None)?;
        let shared = runtime::in_use();
        if !shared.chosen && !self.warned.swap(true, Ordering::Relaxed) {
            emit(&Event { site: site.name(), decision: Decision::NoFleet });
        }
        loop {
            // A new owner each time: a question whose answer was lost may still be granted later, and its lease would
            // count from a moment that nobody knows.
            let failed = |error| reject(Kind::Store, site).because(error);
            let request = self.request(names, key, shared.new_owner().map_err(failed)?);
            let sent = Tick::now();
            let claimed = Asking::of(shared.ledger(), &request).await.map_err(|why| match why {
                Unanswered::Failed(error) => failed(error),
                Unanswered::Late => reject(Kind::DeadlineExceeded, site),
            });
            match claimed? {
                Claimed::Granted { fence } => {
                    return Ok(Lead::new(site, shared.clone(), &request, fence, sent));
                }
                Claimed::Running { fence, left } => self.turn(&shared, request.key, fence, left).await?,
                Claimed::Done(_) | Claimed::InDoubt | Claimed::Mismatch => {
                    let why = "the record of this right holds a result: somebody resolved it; forget it";
                    return Err(reject(Kind::Store, site).because(why));
                }
            }
        }
    }

    /// Waits until the one who holds the right may have given it up.
    async fn turn(
        &self,
        shared: &InUse,
        right: IdempotencyKey,
        fence: u64,
        left: Duration,
    ) -> Result<(), Error> {
        let start = time::now();
        let held = |now: time::Instant| {
            let left = left.saturating_sub(now.saturating_duration_since(start));
            Err(reject(Kind::Held, self.owner.site()).after(left))
        };
        let deadline = context::deadline();
        let is_late = |now| deadline.is_some_and(|deadline| deadline <= now);
        if self.params.otherwise == Otherwise::Skip || is_late(start) {
            return held(start);
        }
        let before_the_deadline = |at| deadline.map_or(at, |deadline| deadline.min(at));
        let ended = shared.ledger().ended(right, fence);
        let _ = tokio::time::timeout_at(before_the_deadline(later(start, left)), ended).await;
        // All who wait learn of it at once, and do not ask at once.
        let jitter = self.params.lease.mul_f64(fastrand::f64() / 100.0);
        time::sleep_until(before_the_deadline(later(time::now(), jitter))).await;
        let now = time::now();
        if is_late(now) { held(now) } else { Ok(()) }
    }

    fn request<'a>(&self, names: &'a Names, key: &'a Encoded, owner: u128) -> Request<'a> {
        let name = Name { namespace: &names.namespace, scope: None, key };
        Request {
            key: name.key(),
            site: names.site,
            name,
            owner,
            fingerprint: None,
            version: 1,
            lease: self.params.lease,
            ttl: REMEMBERED.max(self.params.lease),
            at_most_once: false,
        }
    }

    fn names(&self) -> &Names {
        self.names.get_or_init(|| {
            let site = lasting(&format!("exclusive {}", self.owner.stored_name()));
            Names { namespace: Namespace::of(site), site, whole: Encoded::of(self.owner.stored_name()) }
        })
    }
}
