//! Failure policy, declared inline as attributes and checked by the compiler.
//!
//! A function says in attributes what happens when it fails; at compile time they become straight-line calls of a small
//! runtime. Top is outermost.
//!
//! ```
//! use resilience::{Error, retry, timeout};
//!
//! #[timeout(ms = 2_000)] // the whole operation
//! #[retry(attempts = 3, repeatable = "it only reads")]
//! #[timeout(ms = 500)] // each attempt
//! async fn price(item: &str) -> Result<u64, Error> {
//!     Ok(item.len() as u64) // the business code, nothing else
//! }
//! ```
//!
//! | to | see |
//! | --- | --- |
//! | limit time | [`macro@timeout`] |
//! | run again | [`macro@retry`] |
//! | stop calling what fails | [`macro@circuit_breaker`] |
//! | bound how many run at a time | [`macro@bulkhead`] |
//! | not wait for the slowest | [`macro@hedge`] |
//! | bound how many begin per time, here or in the whole fleet | [`macro@rate_limit`] |
//! | answer instead | [`macro@fallback`] |
//! | know whether it happened | [`macro@idempotent`] |
//! | run on one machine of many at a time | [`macro@exclusive`] |
//! | share a breaker, a bulkhead, a limit | [`CircuitBreaker`], [`Bulkhead`], [`RateLimit`] |
//! | go on to another node | [`Replicas`] |
//! | run code that is no function | [`Timeout`], [`Retry`], [`Hedge`], [`Exclusive`], and the three above |
//! | run blocking or hot code on threads of its own | [`Pool`] |
//! | limit what many retries do together | [`RetryBudget`] |
//! | name a stack, allow what a rule refuses; give policies to a whole `impl` block | [`macro@policies`] |
//! | say what an error means | [`macro@Failure`] |
//! | read a rejection | [`Error`], [`Kind`] |
//! | read the deadline, the idempotency key, the fencing token, whether the answer is degraded | [`context`] |
//! | hand a call on over the network | `propagation`, of the feature `http` |
//! | keep the promise of an `Idempotency-Key`, answer with a rejection | `server`, of the feature `axum` |
//! | choose the ledger, isolate a test | [`Runtime`] |
//! | keep results in a store of your own | [`ledger`] |
//! | count the limits of a fleet in a store of your own | [`quota`] |
//! | list all annotated functions | [`manifest`] |
//!
//! Every decision is a `tracing` event of the target `resilience`.
//!
//! Together in one service: `examples/checkout`, which charges each order once, and `examples/storefront`, whose page stays
//! up while three of its six dependencies do not. `examples/leader` has two replicas that both believe they lead.
//!
//! # Features
//!
//! | feature | gives |
//! | --- | --- |
//! | `uuid` (default) | `uuid::Uuid` as an idempotency key |
//! | `anyhow`, `reqwest`, `sqlx`, `tonic` | [`trait@Failure`] for the errors of that crate |
//! | `postgres`, `sqlx-postgres` | `#[idempotent(tx = ...)]` in transactions of tokio-postgres and of sqlx |
//! | `http` | `propagation`: deadline, idempotency key and attempt in HTTP headers and gRPC metadata |
//! | `axum` | `server`: the layer for `Idempotency-Key`, and [`Error`] as a response; with it comes `http` |
//! | `http` and `reqwest` | `propagation::SendInContext`: a request with key, deadline and attempt; `CheckStatus`: a response's status with its pause |
//! | `strict` | the rules `no_timeout` and `eager_retry` |
//! | `durable` | the ledger on disk: `RESILIENCE_BACKEND=file:PATH` |
//! | `postgres` | the ledger on PostgreSQL: `RESILIENCE_BACKEND=postgres://...` |
//! | `redis` | the ledger on Redis or Valkey: `RESILIENCE_BACKEND=redis://HOST` |
//! | `tls` | TLS to the servers of ledgers: `rediss://`, `sslmode=` |
//! | `test-util` | paused tokio time drives every policy; `testing`, for those who write a ledger |
//!
//! # Not here
//!
//! Synchronous functions, async runtimes other than tokio, wasm.

#![forbid(unsafe_code)]

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc = include_str!("../docs/policies/bulkhead.md")]
pub use resilience_macros::bulkhead;
#[doc = include_str!("../docs/policies/circuit_breaker.md")]
pub use resilience_macros::circuit_breaker;
#[doc = include_str!("../docs/policies/exclusive.md")]
pub use resilience_macros::exclusive;
#[doc = include_str!("../docs/policies/fallback.md")]
pub use resilience_macros::fallback;
#[doc = include_str!("../docs/policies/hedge.md")]
pub use resilience_macros::hedge;
#[doc = include_str!("../docs/policies/idempotent.md")]
pub use resilience_macros::idempotent;
#[doc = include_str!("../docs/policies/policies.md")]
pub use resilience_macros::policies;
#[doc = include_str!("../docs/policies/rate_limit.md")]
pub use resilience_macros::rate_limit;
#[doc = include_str!("../docs/policies/retry.md")]
pub use resilience_macros::retry;
#[doc = include_str!("../docs/policies/timeout.md")]
pub use resilience_macros::timeout;

#[doc = include_str!("../docs/policies/failure.md")]
pub use resilience_macros::Failure;

#[doc(hidden)]
pub use resilience_runtime::__private;
#[cfg(feature = "test-util")]
pub use resilience_runtime::testing;
pub use resilience_runtime::{
    Answers, Awaited, Backoff, Builder, Bulkhead, CarriesRejection, CircuitBreaker, Class, Entry, EntryState,
    Error, Exclusive, Fail, Failure, Gauges, Hedge, IdempotencyKey, InstallError, Jitter, Kept, Key,
    KeyError, KeyParts, Kind, LedgerError, NameClash, OpenError, Operator, ParseKeyError, PolicyError, Pool,
    RateLimit, Repeatable, ReplicasError, Retry, RetryBudget, Returnable, Returns, Runtime, Sendable, Site,
    State, Stored, Timeout, Transaction, Undrained, context, future, ledger, manifest, quota, spawn,
};

#[doc = include_str!("../docs/replicas.md")]
pub use resilience_runtime::Replicas;

#[cfg(feature = "http")]
pub mod propagation {
    #![doc = include_str!("../docs/propagation.md")]
    #[cfg(feature = "reqwest")]
    pub use resilience_runtime::propagation::{CheckStatus, SendInContext, StatusError};
    pub use resilience_runtime::propagation::{HeaderError, Problem, Protocol, Received, RetryAdvice};
}

#[cfg(feature = "axum")]
pub mod server {
    #![doc = include_str!("../docs/http.md")]
    pub use resilience_runtime::server::{Idempotency, IdempotencyLayer, Scope};
}
