//! What `#[idempotent]` does, in paused time and over the ledger in memory.
#![allow(missing_docs)]

mod doubt;
mod duplicates;
mod keys;
mod operators;
mod optional;
mod results;
mod stacks;
#[path = "../support/mod.rs"]
mod support;

use resilience::{Entry, IdempotencyKey, Key, Runtime};

/// A runtime of the test's own.
fn alone() -> Runtime {
    Runtime::builder().memory().build()
}

/// What the ledger knows of a function of this crate, such as `results::charge`.
async fn record(runtime: &Runtime, site: &str, key: &impl Key) -> Option<Entry> {
    let key = IdempotencyKey::of(&format!("idempotent::{site}"), None::<&str>, key).expect("a good key");
    runtime.operator().inspect(key).await.expect("memory answers")
}
