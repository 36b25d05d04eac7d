//! A bulkhead with threads of its own.

use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use resilience_policy::bulkhead::Bulkhead as Params;
use tokio::runtime::{Builder, Runtime};

use super::crossing::crossing;
use super::{Admission, Bulkhead};
use crate::Site;
use crate::call::enter;
use crate::edge::{CarriesRejection, edge_rejecting};
use crate::gauges::Gauges;
use crate::state::{Home, InUse};

const MOST_THREADS: u32 = 1024;
const USUAL_THREADS: u32 = 2;

/// A bulkhead with threads of its own: what runs in it can block them or keep them busy, and nobody else.
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::Pool;
///
/// static REPORTS: Pool = Pool::new("reports").threads(2).queue(16);
/// ```
///
/// `#[bulkhead(pool = REPORTS)]` takes it; [`run`](Self::run) serves where no function can be annotated. It lives in a
/// `static`. The threads start with the first call, bear the name of the pool, and stay until the process ends, which does
/// not wait for them. They are a tokio runtime, on which timers, sockets (where tokio has its feature `net`) and
/// `tokio::spawn` work. A value that is out of its range panics, which in a `static` is a compile error.
pub struct Pool {
    bulkhead: Bulkhead,
    threads: u32,
    /// As written.
    max: Option<u32>,
    abandoned: Home<AtomicUsize>,
    /// A runtime must not be dropped by who awaits. Only a pool in a `static` gets one, and there it stays.
    workers: OnceLock<Runtime>,
}

crate::owner::debug_of!(Pool: this => this.bulkhead.owner, "gauges": this.gauges());

impl Pool {
    /// Two threads, and room for two calls. The name is that of the threads, and stands in the rejections of
    /// [`run`](Self::run).
    pub const fn new(name: &'static str) -> Self {
        Self {
            bulkhead: Bulkhead::new(name, USUAL_THREADS),
            threads: USUAL_THREADS,
            max: None,
            abandoned: Home::new(AtomicUsize::new(0)),
            workers: OnceLock::new(),
        }
    }

    /// So many threads (2).
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 1024.
    #[must_use]
    pub const fn threads(mut self, threads: u32) -> Self {
        assert!(threads >= 1 && threads <= MOST_THREADS, "`threads` is out of range (1 to 1024)");
        self.threads = threads;
        let max = match self.max {
            Some(max) => max,
            None => threads,
        };
        self.bulkhead.set(Params { max, ..self.bulkhead.params });
        self
    }

    /// Lets in `max` calls at a time (as many as it has threads): more, where bodies mostly await.
    ///
    /// # Panics
    ///
    /// Where it is not from 1 to 100 000.
    #[must_use]
    pub const fn max(mut self, max: u32) -> Self {
        self.max = Some(max);
        self.bulkhead.set(Params { max, ..self.bulkhead.params });
        self
    }

    /// So many calls may wait for a place (0).
    ///
    /// # Panics
    ///
    /// Where it is more than 100 000, or zero after a `max_wait`.
    #[must_use]
    pub const fn queue(mut self, calls: u32) -> Self {
        self.bulkhead.set(Params { queue: calls, ..self.bulkhead.params });
        self
    }

    /// How long a call waits (up to the deadline around it). Comes after `queue`.
    ///
    /// # Panics
    ///
    /// Where it is zero, or where no call may wait.
    #[must_use]
    pub const fn max_wait(mut self, time: Duration) -> Self {
        self.bulkhead.set(Params { max_wait: Some(time), ..self.bulkhead.params });
        self
    }

    /// Runs `body` on a thread of this pool, at once or after a wait, or rejects it.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use resilience::{Error, Pool};
    /// static REPORTS: Pool = Pool::new("reports");
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
    /// let title = String::from("sales");
    /// let report: Result<usize, Error> = REPORTS.run(async move || Ok(title.len())).await;
    /// assert_eq!(report, Ok(5));
    /// # });
    /// ```
    ///
    /// Dropping the future drops the body where it awaits, and gives its place back. A body that blocks runs on, and keeps
    /// its place until its thread is free. A panic of the body is a panic here.
    ///
    /// # Panics
    ///
    /// Where the body does, and where the system has no threads to give.
    pub async fn run<T, E, F>(&'static self, body: impl FnOnce() -> F + Send + 'static) -> Result<T, E>
    where
        T: Send + 'static,
        E: CarriesRejection + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let edge = edge_rejecting::<Result<T, E>>();
        let site = self.bulkhead.owner.site();
        let call = pin!(async {
            let place = self.admit(site).await?;
            let part = async move { edge.attempt_later(body()).await };
            crossing::<Result<T, E>>().run(self, site, place, part).await
        });
        edge.leave(enter(call).await)
    }

    /// What it holds at this moment: the calls in a place, those of them whose caller is gone, and those that wait.
    pub fn gauges(&self) -> Gauges {
        let abandoned = self.abandoned.in_use(AtomicUsize::default).load(Ordering::Acquire);
        Gauges { abandoned, ..self.bulkhead.gauges() }
    }

    /// Lets a call of `site` in, at once or after a wait, or rejects it.
    #[doc(hidden)]
    pub fn admit(&'static self, site: &'static Site) -> Admission<'static> {
        self.bulkhead.admit(site)
    }

    /// The counter of abandoned bodies that serves a call now.
    pub(super) fn abandoned(&'static self) -> InUse<'static, AtomicUsize> {
        self.abandoned.in_use(AtomicUsize::default)
    }

    pub(super) fn workers(&'static self) -> &'static Runtime {
        self.workers.get_or_init(|| {
            Builder::new_multi_thread()
                .worker_threads(self.threads as usize)
                .thread_name(self.bulkhead.owner.name())
                .enable_all()
                .build()
                .expect("the system gives threads to a pool")
        })
    }
}
