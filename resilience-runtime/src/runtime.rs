//! The shared parts behind the annotated functions, swapped in one place.

mod builder;
mod names;
mod scope;

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::backend::{Backend, OpenError};
use crate::background::Background;
use crate::ledger::memory::MemoryLedger;
use crate::ledger::{Ledger, LedgerError, Operator, new_owner, new_owner_in_memory};
use crate::quota::Quotas;
use crate::site::manifest;
use crate::time::Instant;

pub use builder::Builder;
pub use names::NameClash;
pub(crate) use names::SoleName;
use names::clash;
pub use scope::Scope;
pub(crate) use scope::{scope_around, scoped, touch};

const VARIABLE: &str = "RESILIENCE_BACKEND";

static INSTALLED: OnceLock<Arc<Shared>> = OnceLock::new();

/// The shared parts behind the annotated functions: the ledger, and the states of the policies.
///
/// Without any set-up, results are kept in memory. A program chooses at its start, before the first annotated
/// function runs:
///
/// ```
/// # use resilience_runtime as resilience;
/// # use resilience::Runtime;
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// Runtime::from_env().await?.install()?; // RESILIENCE_BACKEND=memory:
/// # Ok(())
/// # }
/// ```
///
/// A test runs under a runtime of its own, which sees nothing of the rest:
///
/// ```
/// # use resilience_runtime as resilience;
/// # use resilience::Runtime;
/// # async fn charge() {}
/// # async fn example() {
/// Runtime::builder().build().scope(charge()).await;
/// # }
/// ```
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

pub(crate) struct Shared {
    backend: Backend,
    /// Somebody chose this ledger.
    pub(crate) chosen: bool,
    /// Somebody chose where limits of the fleet are counted.
    pub(crate) quotas_chosen: bool,
    /// What calls leave behind.
    pub(crate) background: Background,
    /// The states of a scope, by the number of those that they stand for.
    states: Mutex<HashMap<u64, Arc<dyn Any + Send + Sync>>>,
}

impl Shared {
    /// The state that stands for another one in this scope.
    pub(crate) fn state<S: Any + Send + Sync>(&self, id: u64, new: impl FnOnce() -> S) -> Arc<S> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = states.entry(id).or_insert_with(|| Arc::new(new()));
        Arc::clone(state).downcast().expect("one state has one number")
    }
}

impl Runtime {
    /// Starts a runtime in code.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The runtime that the variable `RESILIENCE_BACKEND` asks for, as [`open`](Self::open) reads it; the default where
    /// it is not set.
    pub async fn from_env() -> Result<Self, OpenError> {
        match std::env::var(VARIABLE) {
            Ok(value) => Self::open(&value).await,
            Err(std::env::VarError::NotPresent) => Ok(Self::builder().build()),
            Err(std::env::VarError::NotUnicode(value)) => Self::open(&value.to_string_lossy()).await,
        }
        .map_err(|error| OpenError { variable: Some(VARIABLE), ..error })
    }

    /// A runtime over the backend that a URL names.
    ///
    /// | URL | where results are kept |
    /// | --- | --- |
    /// | `memory:` | in memory; they end with the process |
    /// | `file:PATH` | in that folder, which is made if it is missing; feature `durable` |
    /// | `postgres://USER:PASSWORD@HOST/DATABASE` | in tables on that server, which are made if they are missing; feature `postgres` |
    /// | `redis://USER:PASSWORD@HOST:PORT/DATABASE` | on a Redis or Valkey server; feature `redis` |
    /// | `rediss://...` | the same over TLS; features `redis` and `tls` |
    /// | `redis+cluster://HOST:PORT,HOST:PORT` | on a cluster, some of whose nodes are named; `rediss+cluster://` over TLS |
    ///
    /// A folder has one owner: opening one that another process has open is an error that names it. It must be on a
    /// local disk, and it is let go when the last clone of the runtime is dropped, or when the process ends. That drop waits
    /// for the disk.
    ///
    /// What follows the last `?` of the path are options: `file:./ledger?timeout=500ms`. A path with a `?` of its own ends with
    /// another one, as in `file:./what?/ledger?`.
    ///
    /// | option | default | meaning |
    /// | --- | --- | --- |
    /// | `timeout` | 2 s | how long a call waits for the disk; what it has asked for is written all the same |
    ///
    /// A server that cannot be reached or used, or whose tables are of a newer library, is an error at once, and nothing is
    /// half made. An error shows the scheme of its URL and the path of a folder, and names what it knows: never a value, and
    /// no name that is unknown, which may be a part of a password.
    ///
    /// In a query the next option follows a `&`; a `;` or a `%` of a value's own is written `%3B` or `%25`.
    ///
    /// To PostgreSQL, as the query of the URL (`?pool_max=16&timeout=1s`):
    ///
    /// | option | default | meaning |
    /// | --- | --- | --- |
    /// | `pool_max` | 8 | connections for calls; two more serve operators and the removal of what has expired |
    /// | `timeout` | 2 s | an answer that takes longer is as good as none, the wait for a connection included; the server gives up too |
    /// | `connect_timeout` | 5 s | for each host |
    /// | `schema` | the search path | where the tables are, or are made; a schema that is not there is made; 63 bytes at most |
    /// | `create` | `on` | `never`: tables that are not there are an error |
    /// | `prepare` | `on` | `off`: nothing is kept in a session, for a pooler that hands sessions around, such as PgBouncer |
    /// | `application_name` | `resilience` | for the eyes of whoever watches the server |
    /// | `sslmode` | `prefer` | `disable`, `prefer`, `require` (encrypted, with whomever), `verify-full`; feature `tls` |
    /// | `sslrootcert` | the machine's | for `verify-full`: a file of certificates to trust |
    ///
    /// `user`, `password`, `dbname`, `host`, `hostaddr`, `port`, `options`, `target_session_attrs` and `load_balance_hosts`
    /// mean what they mean elsewhere. Of several hosts the one that writes is used. Without the feature `tls`, `prefer` is
    /// `disable`.
    ///
    /// A Redis that is not there, refuses the password or is older than version 6 is an error at once; one that may forget
    /// what it is given is warned of. What follows a `?`, with `&` in between:
    ///
    /// | option | default | meaning |
    /// | --- | --- | --- |
    /// | `timeout=500ms` | 2 s | how long an answer may take. Whether the server has done it is open then |
    /// | `connect_timeout=500ms` | 1 s | how long a new connection may take |
    /// | `prefix=shop:` | `resilience:` | in front of every key |
    /// | `durable=required` | | a server that may forget is refused |
    /// | `sslrootcert` | the machine's | with `rediss://`: a file of certificates to trust |
    ///
    /// A call waits for both times at most. The connections to a server are driven by a thread of this crate: they outlive
    /// the tokio runtime that opened the ledger, and any of them may use it.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        Ok(Self::new(Backend::open(url).await?, true, true))
    }

    fn new(backend: Backend, chosen: bool, quotas_chosen: bool) -> Self {
        let (background, states) = (Background::default(), Mutex::default());
        Self { shared: Arc::new(Shared { backend, chosen, quotas_chosen, background, states }) }
    }

    /// What counts its limits.
    #[cfg(all(test, feature = "postgres", feature = "redis"))]
    pub(crate) fn quotas(&self) -> Arc<dyn Quotas> {
        Arc::clone(&self.shared.backend.quotas)
    }

    /// A runtime over a ledger that a test made.
    #[cfg(test)]
    pub(crate) fn over(ledger: Arc<dyn Ledger>) -> Self {
        Self::new(Backend::own(ledger), true, false)
    }

    /// Makes this the runtime of the process. An error, if there is one already, if an annotated function has run,
    /// if two functions would keep results, or exclude each other, under one name, or if a generic one does not say whether
    /// its types are one operation.
    pub fn install(self) -> Result<(), InstallError> {
        if let Some(clash) = manifest().find_map(clash) {
            return Err(InstallError::NameClash(clash));
        }
        if scope::is_process_in_use() {
            return Err(if INSTALLED.get().is_some_and(|shared| shared.chosen) {
                InstallError::Twice
            } else {
                InstallError::TooLate
            });
        }
        INSTALLED.set(self.shared).map_err(|_| InstallError::Twice)
    }

    /// Runs `future` under this runtime alone: its own ledger, its own states of the policies. What it
    /// hands to [`spawn`](crate::spawn) stays in the scope; what it hands to `tokio::spawn` does not.
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope::new(Arc::clone(&self.shared), future)
    }

    /// Waits for what runs in the background, at the end of a program: requests whose clients have left, results that the
    /// ledger could not write yet, claims of calls that were cut. Without it they end with the process, and what the
    /// ledger has not heard of waits for the end of its lease.
    ///
    /// Calls go on meanwhile, and may leave more behind: end them first. An error if not all was done at the `deadline`;
    /// what was not goes on. So it does where the future is dropped.
    ///
    /// ```
    /// # use resilience_runtime as resilience;
    /// # use std::time::{Duration, Instant};
    /// # use resilience::Runtime;
    /// # async fn serve() {}
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let runtime = Runtime::from_env().await?;
    /// runtime.clone().install()?;
    /// serve().await;
    /// runtime.drain(Instant::now() + Duration::from_secs(10)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn drain(&self, deadline: impl Into<Instant>) -> Result<(), Undrained> {
        let Shared { background, backend, .. } = &*self.shared;
        let drained = async {
            // In this order: what a call has left behind may leave something to the ledger.
            background.idle().await;
            backend.ledger.drain().await;
        };
        tokio::time::timeout_at(deadline.into(), drained).await.map_err(|_| Undrained)
    }

    /// Looks into the ledger, and decides what is in doubt.
    pub fn operator(&self) -> Operator {
        Operator { ledger: Arc::clone(&self.shared.backend.ledger) }
    }

    /// Results that the memory ledger let go because it was full.
    pub fn evicted(&self) -> u64 {
        self.shared.backend.memory.as_ref().map_or(0, |memory| memory.evicted())
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("ledger", &self.shared.backend.name).finish_non_exhaustive()
    }
}

/// The deadline of [`Runtime::drain`] has passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not all that runs in the background was done in time: what the ledger has not heard of waits for its lease"
)]
#[non_exhaustive]
pub struct Undrained;

/// Why a runtime could not be installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// `install` was called before.
    #[error("a runtime is installed already: install one, once, at the start of the program")]
    Twice,
    /// An annotated function has run, and may have kept something.
    #[error(
        "an annotated function has run already: install the runtime at the start of the program, before any call"
    )]
    TooLate,
    /// Two functions would keep results, or exclude each other, under one name, or one for all types of its `impl`.
    #[error(transparent)]
    NameClash(NameClash),
}

/// The shared parts in use. Those of the process are borrowed: a count of their users would be a place where all
/// threads meet.
#[derive(Clone)]
pub(crate) enum InUse {
    Process(&'static Shared),
    Scope(Arc<Shared>),
}

impl InUse {
    pub(crate) fn ledger(&self) -> &dyn Ledger {
        &*self.backend.ledger
    }

    pub(crate) fn quotas(&self) -> Arc<dyn Quotas> {
        Arc::clone(&self.backend.quotas)
    }

    /// An owner for a claim in the ledger.
    pub(crate) fn new_owner(&self) -> Result<u128, LedgerError> {
        if self.backend.memory.is_some() { Ok(new_owner_in_memory()) } else { new_owner() }
    }

    /// The ledger, if it is the one in memory.
    pub(crate) fn memory(&self) -> Option<&MemoryLedger> {
        self.backend.memory.as_deref()
    }
}

impl Deref for InUse {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        match self {
            Self::Process(shared) => shared,
            Self::Scope(shared) => shared,
        }
    }
}

pub(crate) fn in_use() -> InUse {
    scoped().map_or_else(
        || InUse::Process(INSTALLED.get_or_init(|| Runtime::builder().build().shared)),
        InUse::Scope,
    )
}
