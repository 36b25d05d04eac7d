//! What generated code calls. Not an interface: any of it can change in any release.

pub use core;

pub use linkme;
pub use resilience_policy as policy;

pub use crate::budget::RetryBudget;
pub use crate::bulkhead::{
    Admission, Bulkhead, Crossing, HandedOver, Place, Pool, crossing, crossing_of, hand_over,
};
pub use crate::call::{Call, boxed, boxed_local, pause};
pub use crate::circuit_breaker::{CircuitBreaker, Permit};
pub use crate::edge::{
    ClassKnown, ClassUnknown, Edge, Outcome, Slot, Stop, again, another, edge, edge_classifying, edge_plain,
    edge_rejecting, hand_out, never, of_one_type, slot,
};
pub use crate::exclusive::{Exclusive, Lead};
pub use crate::failure::Verdict;
pub use crate::failure::known::{Derived, IsNoError, Look, RESILIENCE_FAILURES_0_1};
pub use crate::fallback::{AnyResult, Bare, BareResult, Later, answer, answer_later, any_result, awaited};
pub use crate::gauges::Gauged;
pub use crate::hedge::{Hedge, Race};
pub use crate::idempotent::{
    Claim, Codec, Entry, ErrorsCompared, ErrorsNotCompared, InTx, Names, SiteLedger, TxClaim, ValuesCompared,
    ValuesNotCompared, codec, codec_at, codec_of_both, codec_of_both_at, fingerprint, transaction,
};
pub use crate::key::Encoded;
pub use crate::keyed::{Chosen, Keyed};
pub use crate::rate_limit::{RateLimit, Turn};
pub use crate::retry::Retry;
pub use crate::site::{RESILIENCE_SITES_0_1, Site};
pub use crate::timeout::{Cuttable, Timeout, Timeouts};

/// What a field or a method of a throttled failure gives as its pause.
pub fn pause_of(pause: impl Into<Option<std::time::Duration>>) -> Option<std::time::Duration> {
    pause.into()
}
