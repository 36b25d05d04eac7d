//! For those who write a ledger.

mod conformance;
pub(crate) mod op;

pub use conformance::ledger_conformance;
