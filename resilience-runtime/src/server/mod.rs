//! The server side of the `Idempotency-Key` header, and rejections as responses.
//! (Its page, `docs/http.md`, is the rustdoc of the facade's module.)

mod answer;
mod layer;
mod ledger;
mod octets;
mod patience;
mod problem;
mod request;
mod scope;
mod service;
#[cfg(test)]
mod tests;

pub use layer::IdempotencyLayer;
pub use scope::Scope;
pub use service::Idempotency;
