use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::key::IdempotencyKey;
use crate::ledger::{Body, Claimed, Entry, Hold, LedgerError, Request, Stored, Written};
use crate::quota::{Draw, Drawn};

pub(crate) type Answer<T> = Result<T, LedgerError>;

/// A claim as it is sent. It outlives the call that asks for it.
pub(crate) struct Claim {
    pub(crate) key: IdempotencyKey,
    pub(crate) site: &'static str,
    /// The key as the site wrote it.
    pub(crate) text: String,
    pub(crate) owner: u128,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) version: u32,
    pub(crate) lease: Duration,
    pub(crate) ttl: Duration,
    pub(crate) at_most_once: bool,
    /// Every caller that asked for it has left.
    given_up: AtomicBool,
    sent: AtomicBool,
}

impl From<&Request<'_>> for Claim {
    fn from(request: &Request<'_>) -> Self {
        Self {
            key: request.key,
            site: request.site,
            text: request.as_written(),
            owner: request.owner,
            fingerprint: request.fingerprint,
            version: request.version,
            lease: request.lease,
            ttl: request.ttl,
            at_most_once: request.at_most_once,
            given_up: AtomicBool::new(false),
            sent: AtomicBool::new(false),
        }
    }
}

impl Claim {
    /// To be asked right before it is sent: whether anybody still wants it. From here on the server may have heard of it.
    pub(crate) fn begin(&self) -> bool {
        let begins = !self.given_up.load(Ordering::SeqCst);
        self.sent.fetch_or(begins, Ordering::SeqCst);
        begins
    }

    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    pub(super) fn may_have_been_sent(&self) -> bool {
        self.sent.load(Ordering::SeqCst)
    }
}

/// What the server is told of a claim that nobody holds any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// Its call went away without a word.
    Abandon { hold: Hold, may_have_run: bool },
    /// Its caller never heard that it was granted.
    Withdraw { key: IdempotencyKey, owner: u128 },
}

impl Farewell {
    pub(crate) fn key(&self) -> IdempotencyKey {
        match self {
            Self::Abandon { hold, .. } => hold.key,
            Self::Withdraw { key, .. } => *key,
        }
    }

    pub(crate) fn owner(&self) -> u128 {
        match self {
            Self::Abandon { hold, .. } => hold.owner,
            Self::Withdraw { owner, .. } => *owner,
        }
    }
}

/// What one who waits sees.
pub(crate) enum Seen {
    /// The claim stands.
    Running,
    /// It does not, and this is its result where it has one. That of a later claim is none.
    Ended(Option<Stored>),
}

/// A server that keeps records: each method is one round trip where the server allows it, and means what the method of
/// [`Ledger`](crate::ledger::Ledger) of its name means. A future may be dropped at any await, so no method leaves
/// something half done on a connection that others use. A store sends again by itself what was lost on its way; its errors
/// are final.
pub(crate) trait Store: Send + Sync + 'static {
    /// Sends nothing where nobody wants it any more ([`Claim::begin`]).
    fn claim(&self, claim: &Claim) -> impl Future<Output = Answer<Claimed>> + Send;

    fn renew(&self, hold: Hold, lease: Duration) -> impl Future<Output = Answer<Written>> + Send;

    fn complete(
        &self,
        hold: Hold,
        result: &Stored,
        ttl: Duration,
    ) -> impl Future<Output = Answer<Written>> + Send;

    fn release(&self, hold: Hold) -> impl Future<Output = Answer<Written>> + Send;

    /// Ends those of these claims that still run. After an error the server may have heard of some of them.
    fn part(&self, farewells: &[Farewell]) -> impl Future<Output = Answer<()>> + Send;

    /// What became of the claim with this fence. It is asked again and again, for all who wait, so it is light.
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
