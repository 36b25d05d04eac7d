//! Where the results of idempotent operations are kept.

#[cfg(feature = "durable")]
pub(crate) mod durable;
pub(crate) mod memory;
mod operator;
mod record;
mod shards;
#[cfg(test)]
pub(crate) mod tests;

mod reply;

use std::cmp::Reverse;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use reply::Reply;

pub use operator::{Entry, EntryState, Operator};

use crate::key::IdempotencyKey;
use crate::time::Instant;

/// Why a ledger could not answer.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LedgerError(pub(crate) String);

/// A store of claims and results. Every write carries the owner and the fence of its claim; only the ledger's own
/// clock judges a lease.
///
/// It is not open to other crates until three kinds of ledger stand behind it.
pub(crate) trait Ledger: Send + Sync {
    /// Asks for the right to run an operation. Asked again by the same owner, it gives the same answer.
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed>;

    /// Lets the claim stand for another lease.
    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written>;

    /// Writes the result, to be kept for `ttl`.
    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written>;

    /// Gives the claim back: the operation certainly has not happened, or may be run again.
    fn release(&self, hold: Hold) -> Reply<'_, Written>;

    /// The call went away without a word: nobody knows whether the operation happened. One that cannot have run is
    /// released. Called from `drop`: it must not block.
    fn abandon(&self, hold: Hold, may_have_run: bool);

    /// It will take nothing more, whatever is tried.
    fn has_stopped(&self) -> bool {
        false
    }

    /// Waits until the claim with this fence has ended, or may have.
    fn ended(&self, key: IdempotencyKey, fence: u64) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;

    /// What is in doubt, oldest first.
    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>>;

    /// The records that are [`called`] so, of any site, oldest first. It may look at every record.
    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>>;

    /// One record.
    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>>;

    /// Removes a record that is not running and still has this fence.
    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool>;

    /// Makes a record that is in doubt, and still has this fence, a result.
    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool>;
}

/// The moment after a time. One too long for the clock is as good as a year.
pub(crate) fn later(from: Instant, time: Duration) -> Instant {
    from.checked_add(time).unwrap_or_else(|| from + Duration::from_hours(24 * 365))
}

/// The oldest `most` of them, oldest first.
fn oldest(mut entries: Vec<Entry>, most: usize) -> Vec<Entry> {
    entries.sort_by_key(|entry| Reverse(entry.age));
    entries.truncate(most);
    entries
}

/// Whether the key as written is `name`, or ends with it as its last parts.
fn called(text: &str, name: &str) -> bool {
    text.strip_suffix(name).is_some_and(|before| before.is_empty() || before.ends_with('/'))
}

/// The key as written. It is asked for where a claim is granted: a replay does not need it.
pub(crate) trait AsWritten {
    fn as_written(&self) -> String;
}

/// What a claim is for.
pub(crate) struct Request<'a> {
    pub(crate) key: IdempotencyKey,
    /// For the eyes of operators.
    pub(crate) site: &'static str,
    pub(crate) text: &'a (dyn AsWritten + Sync),
    /// Made by the client, so that a claim whose answer was lost can be asked for again.
    pub(crate) owner: u128,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) version: u32,
    pub(crate) lease: Duration,
    pub(crate) ttl: Duration,
    pub(crate) at_most_once: bool,
}

/// A claim that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) key: IdempotencyKey,
    pub(crate) owner: u128,
    pub(crate) fence: u64,
}

#[derive(Debug, Clone)]
pub(crate) enum Claimed {
    Granted {
        fence: u64,
    },
    /// Somebody else runs it; the rest of their lease.
    Running {
        fence: u64,
        left: Duration,
    },
    Done(Stored),
    /// It was interrupted, and must not be run again.
    InDoubt,
    /// The key stands for other values.
    Mismatch,
}

/// Whether a write found its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Yes,
    LeaseLost,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) version: u32,
    pub(crate) body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// As JSON.
    Value(Arc<str>),
    Error(Arc<str>),
    /// It succeeded, and that is all that is known.
    NotKept,
}
