//! The engines behind the attributes of `resilience`. Depend on `resilience`, not on this crate.

#![forbid(unsafe_code)]

mod backend;
mod background;
mod backoff;
mod budget;
mod bulkhead;
mod call;
mod circuit_breaker;
pub mod context;
mod deadlines;
mod edge;
mod error;
mod event;
mod exclusive;
mod failure;
mod fallback;
mod foreign;
mod gauges;
mod hedge;
mod idempotent;
mod key;
mod keyed;
pub mod ledger;
mod owner;
#[cfg(feature = "http")]
pub mod propagation;
pub mod quota;
mod rate_limit;
mod replicas;
mod retry;
mod runtime;
#[cfg(feature = "axum")]
pub mod server;
mod site;
mod spawn;
mod state;
mod stripe;
#[cfg(any(test, feature = "test-util"))]
pub mod testing;
mod time;
mod timeout;
mod wait_queue;

#[doc(hidden)]
pub mod __private;

pub use backend::OpenError;
pub use budget::RetryBudget;
pub use bulkhead::{Bulkhead, Pool, Returnable, Sendable};
pub use circuit_breaker::{CircuitBreaker, State};
pub use edge::{CarriesRejection, Kept, PolicyError, Repeatable, Returns};
pub use error::{Error, Kind};
pub use exclusive::Exclusive;
pub use failure::{Class, Failure};
pub use fallback::{Answers, Awaited};
pub use gauges::Gauges;
pub use hedge::Hedge;
pub use idempotent::{Stored, Transaction};
pub use key::{IdempotencyKey, Key, KeyError, KeyParts, ParseKeyError};
pub use ledger::{Entry, EntryState, LedgerError, Operator};
pub use rate_limit::RateLimit;
pub use replicas::{Replicas, ReplicasError};
pub use resilience_policy::rate_limit::Fail;
pub use resilience_policy::retry::{Backoff, Jitter};
pub use retry::Retry;
pub use runtime::{Builder, InstallError, NameClash, Runtime, Undrained};
pub use site::{Site, manifest};
pub use spawn::spawn;
pub use timeout::Timeout;

/// The named futures of this crate's functions.
pub mod future {
    pub use crate::context::WithDeadline;
    #[cfg(feature = "http")]
    pub use crate::propagation::Handling;
    pub use crate::runtime::Scope;
}
