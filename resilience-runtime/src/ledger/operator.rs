//! What operators do with a ledger.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::{Body, Ledger, LedgerError};
use crate::idempotent::encode;
use crate::key::IdempotencyKey;

/// One record of a ledger. Its `Debug` shows neither the key as written nor the result: they are the user's.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The stored key, as [`context::idempotency_key`](crate::context::idempotency_key) shows it.
    pub key: IdempotencyKey,
    /// The name of the site.
    pub site: String,
    /// The key as written, its parts joined by slashes.
    pub text: String,
    /// What is known of the operation.
    pub state: EntryState,
    /// The guarantee of its site. Under `at_most_once` what is in doubt waits for a decision, and every call gets
    /// `OutcomeUnknown`; under `dedup` the next call runs it again.
    pub at_most_once: bool,
    /// The fencing token of the last claim. [`Operator::forget`] and [`Operator::resolve`] ask for it, so that
    /// nobody decides over a record that has changed meanwhile.
    pub fence: u64,
    /// How many claims there have been.
    pub attempt: u32,
    /// How long ago the record took its state.
    pub age: Duration,
    /// The result or the failure that is kept, as JSON.
    pub result: Option<String>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, site, text: _, state, at_most_once, fence, attempt, age, result: _ } = self;
        let mut out = f.debug_struct("Entry");
        out.field("key", key).field("site", site).field("state", state).field("at_most_once", at_most_once);
        out.field("fence", fence).field("attempt", attempt).field("age", age).finish_non_exhaustive()
    }
}

/// What a ledger knows of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EntryState {
    /// Somebody runs it.
    Running,
    /// It was interrupted: nobody knows whether it took effect.
    InDoubt,
    /// It may be run again.
    Released,
    /// Its result is kept.
    Done,
    /// It succeeded, and its result is not kept.
    ResultNotKept,
}

/// Looks into the ledger of a [`Runtime`](crate::Runtime), and decides what the program cannot.
///
/// ```
/// # use resilience_runtime as resilience;
/// # use resilience::{Runtime, LedgerError};
/// # async fn example(runtime: &Runtime) -> Result<(), LedgerError> {
/// for entry in runtime.operator().in_doubt(100).await? {
///     println!("{} {}: nobody knows", entry.site, entry.text);
///     // Ask the callee. It did not happen: let the next call run.
///     runtime.operator().forget(entry.key, entry.fence).await?;
/// }
/// # Ok(())
/// # }
/// ```
pub struct Operator {
    pub(crate) ledger: Arc<dyn Ledger>,
}

impl Operator {
    /// The operations in doubt, oldest first, `most` at most.
    pub fn in_doubt(&self, most: usize) -> impl Future<Output = Result<Vec<Entry>, LedgerError>> + Send + '_ {
        self.ledger.in_doubt(most)
    }

    /// The records whose key as written is `text`, such as an order's number, or ends with it below a scope
    /// (`tenant-7/4711`), whatever their sites: oldest first, `most` at most. It looks at every record, so it is for people, not for programs.
    pub fn find(
        &self,
        text: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<Entry>, LedgerError>> + Send {
        self.ledger.find(text, most)
    }

    /// One record, if there is one. [`IdempotencyKey::of`] makes the key.
    pub fn inspect(
        &self,
        key: IdempotencyKey,
    ) -> impl Future<Output = Result<Option<Entry>, LedgerError>> + Send + '_ {
        self.ledger.inspect(key)
    }

    /// Removes a record, so that the next call runs. Says `false`, and does nothing, if it is running or no longer has
    /// this fence.
    pub fn forget(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> impl Future<Output = Result<bool, LedgerError>> + Send + '_ {
        self.ledger.forget(key, fence)
    }

    /// Gives an operation in doubt its result: it did happen, and this is what the next call returns. Says `false`, and
    /// does nothing, if the record is not in doubt or no longer has this fence.
    pub fn resolve(
        &self,
        key: IdempotencyKey,
        fence: u64,
        result: &impl Serialize,
    ) -> impl Future<Output = Result<bool, LedgerError>> + Send + '_ {
        let body = encode(result).map_err(LedgerError::new);
        async move { self.ledger.resolve(key, fence, Body::Value(body?)).await }
    }
}
