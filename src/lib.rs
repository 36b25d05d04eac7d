//! Failure policy, declared inline as attributes and checked by the compiler.

#[doc = include_str!("../docs/policies/circuit_breaker.md")]
pub use resilience_macros::circuit_breaker;
#[doc = include_str!("../docs/policies/idempotent.md")]
pub use resilience_macros::idempotent;
#[doc = include_str!("../docs/policies/policies.md")]
pub use resilience_macros::policies;
#[doc = include_str!("../docs/policies/retry.md")]
pub use resilience_macros::retry;
#[doc = include_str!("../docs/policies/timeout.md")]
pub use resilience_macros::timeout;

#[doc = include_str!("../docs/policies/failure.md")]
pub use resilience_macros::Failure;

#[doc(hidden)]
pub use resilience_runtime::__private;
pub use resilience_runtime::{
    Builder, CarriesRejection, Class, ConfigError, Entry, EntryState, Error, Failure, IdempotencyKey,
    InstallError, Key, KeyError, KeyParts, Kind, LedgerError, NameClash, Operator, PolicyError, Repeatable,
    Returns, Runtime, Site, State, Stored, context, future, manifest, spawn,
};
