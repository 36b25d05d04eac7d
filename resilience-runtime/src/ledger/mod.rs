//! Where the results of idempotent operations are kept, and the trait for a ledger of your own.
//!
//! The ledgers of this crate are chosen by URL ([`Runtime::open`](crate::Runtime::open)). One of your own implements
//! [`Ledger`], and goes to [`Builder::ledger`](crate::Builder::ledger). The suite that all of them pass is
//! `testing::ledger_conformance`, of the feature `test-util`.

mod answer;
mod asking;
#[cfg(feature = "durable")]
pub(crate) mod durable;
#[cfg(any(test, feature = "durable", feature = "postgres", feature = "redis"))]
mod key_map;
pub(crate) mod memory;
mod operator;
mod owner;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(any(feature = "durable", feature = "postgres", feature = "redis"))]
mod query;
pub(crate) mod record;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(any(test, feature = "postgres", feature = "redis"))]
mod remote;
mod reply;
mod request;
#[cfg(any(test, feature = "postgres", feature = "redis", feature = "sqlx-postgres"))]
pub(crate) mod said;
mod shards;
pub(crate) mod table;
pub(crate) mod term;

use std::cmp::Reverse;
use std::pin::Pin;
use std::time::Duration;

pub use answer::{Body, Claimed, Hold, LedgerError, Stored, Written};
pub(crate) use asking::{Asking, Unanswered};
pub use operator::{Entry, EntryState, Operator};
pub(crate) use owner::{new_owner, new_owner_in_memory};
pub use reply::Reply;
pub use request::Request;
#[cfg(any(feature = "postgres", feature = "sqlx-postgres"))]
pub use table::POSTGRES_SCHEMA;

use crate::key::IdempotencyKey;
use crate::time::Instant;

/// A store of claims and results.
///
/// A record goes from *running* to *done*, *released* or *in doubt*; from the last two a claim makes it running again,
/// but under `at_most_once` what is in doubt waits for an operator. Each grant has a fence, and the fences of one key
/// rise, also over a record that was removed. Every write names owner and fence of its claim: one that is not the last
/// changes nothing and is told [`Written::LeaseLost`]. Only the clock of the store judges a lease.
///
/// Any of the futures may be dropped before it is ready, as a caller goes away: what was sent may still happen, and
/// must do no harm. An `Err` means that nobody knows whether it happened: claims and writes are sent again, by the same
/// owner, and must then give the same answer. After an `Err` of the second claim the call fails, and its body does not
/// run.
pub trait Ledger: Send + Sync {
    /// Asks for the right to run an operation. Asked again by the same owner, it gives the same answer.
    ///
    /// Values are compared before all else: a record with another fingerprint answers [`Claimed::Mismatch`] in
    /// whatever state it is, and stays as it is.
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed>;

    /// The caller of a claim went away, or gave up, before it had an answer. If the claim was granted, or still is,
    /// it may be released. Called from `drop`: it must not block. A ledger that does nothing here, as by default,
    /// lets the key wait until the lease ends; one that answers at once has nothing to do.
    fn withdraw(&self, _key: IdempotencyKey, _owner: u128) {}

    /// Lets the claim stand for another lease, from now on.
    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written>;

    /// Writes the result, to be kept for `ttl`. Also for a claim whose lease is over, if nobody took it over. The
    /// answer says that the result is as safe as this ledger makes it.
    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written>;

    /// Gives the claim back: the operation certainly has not happened, or may be run again. The record stays for the
    /// `ttl` of its request, so that fence, attempt and fingerprint do.
    fn release(&self, hold: Hold) -> Reply<'_, Written>;

    /// The call went away without a word: nobody knows whether the operation happened. One that cannot have run is
    /// released. Called from `drop`: it must not block, and may write later.
    fn abandon(&self, hold: Hold, may_have_run: bool);

    /// Waits until what it was told from `drop`, by `withdraw` and `abandon`, is written or given up. A ledger that writes
    /// at once has nothing to do.
    fn drain(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }

    /// It will take nothing more, whatever is tried.
    fn has_stopped(&self) -> bool {
        false
    }

    /// Waits until the claim with this fence has ended, or may have; the caller claims again. Where the ledger knows
    /// the result without another look, it gives it.
    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>>;

    /// What is in doubt, oldest first. A claim whose lease is over is in doubt since then.
    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>>;

    /// The records whose key as written is `text`, or ends with `/` and `text`, of any site, oldest first. It may look
    /// at every record.
    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>>;

    /// One record.
    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>>;

    /// Removes a record that is not running and still has this fence; says whether it did.
    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool>;

    /// Makes a record that is in doubt, and still has this fence, a result of the version of its claim; says whether it
    /// did. The owner of the claim, if he comes after all, has lost it.
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
