use std::time::Duration;

use crate::key::IdempotencyKey;
use crate::ledger::{Body, Claimed, Entry, Hold, LedgerError, Request, Stored, Written};
use crate::quota::{Draw, Drawn};

pub(crate) type Answer<T> = Result<T, LedgerError>;

/// What one who waits sees.
pub(crate) enum Seen {
    /// The claim stands.
    Running,
    /// It does not, and this is its result where it has one. That of a later claim is none.
    Ended(Option<Stored>),
}

/// A server that keeps records: each method is one round trip where the server allows it, and means what the method of
/// [`Ledger`](crate::ledger::Ledger) of its name means. A future may be dropped at any await, so no method leaves
/// something half done on a connection that others use.
pub(crate) trait Store: Send + Sync + 'static {
    fn claim(&self, request: &Request<'_>) -> impl Future<Output = Answer<Claimed>> + Send;

    /// Releases the running claim of this owner, if there is one.
    fn withdraw(&self, key: IdempotencyKey, owner: u128) -> impl Future<Output = Answer<()>> + Send;

    fn renew(&self, hold: Hold, lease: Duration) -> impl Future<Output = Answer<Written>> + Send;

    fn complete(
        &self,
        hold: Hold,
        result: &Stored,
        ttl: Duration,
    ) -> impl Future<Output = Answer<Written>> + Send;

    fn release(&self, hold: Hold) -> impl Future<Output = Answer<Written>> + Send;

    fn abandon(&self, hold: Hold, may_have_run: bool) -> impl Future<Output = Answer<Written>> + Send;

    /// What became of the claim with this fence. One of those who wait asks it again and again, so it is light.
    fn look(&self, key: IdempotencyKey, fence: u64) -> impl Future<Output = Answer<Seen>> + Send;

    fn in_doubt(&self, most: usize) -> impl Future<Output = Answer<Vec<Entry>>> + Send;

    fn find(&self, text: &str, most: usize) -> impl Future<Output = Answer<Vec<Entry>>> + Send;

    fn inspect(&self, key: IdempotencyKey) -> impl Future<Output = Answer<Option<Entry>>> + Send;

    fn forget(&self, key: IdempotencyKey, fence: u64) -> impl Future<Output = Answer<bool>> + Send;

    fn resolve(
        &self,
        key: IdempotencyKey,
        fence: u64,
        body: Body,
    ) -> impl Future<Output = Answer<bool>> + Send;

    /// As [`Quotas::draw`](crate::quota::Quotas::draw).
    fn draw(&self, draw: Draw) -> impl Future<Output = Answer<Drawn>> + Send;
}
