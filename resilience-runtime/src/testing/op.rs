//! One operation, and what is done with it.

use std::time::Duration;

use crate::key::{Encoded, IdempotencyKey, Name, Namespace};
use crate::ledger::{Body, Claimed, EntryState, Hold, Ledger, Request, Stored, Written};

/// The lease of every claim here: short, because a ledger with a clock of its own waits it out for real.
pub(crate) const LEASE: Duration = Duration::from_millis(800);
pub(super) const TTL: Duration = Duration::from_mins(10);
/// Within this a write that nobody waits for has happened.
const SOON: Duration = Duration::from_secs(5);
/// What must not happen has not happened after this.
pub(super) const A_WHILE: Duration = Duration::from_millis(50);

/// One operation, as the engine asks for it.
#[derive(Clone)]
pub(crate) struct Op {
    pub(crate) key: IdempotencyKey,
    pub(crate) at_most_once: bool,
    pub(crate) fingerprint: Option<[u8; 32]>,
    pub(crate) ttl: Duration,
    /// As written.
    pub(crate) text: String,
    pub(crate) names: (Namespace, Encoded),
}

/// The site of all of them.
const SITE: &str = "conformance";

#[cfg(test)]
pub(crate) fn op(name: &str) -> Op {
    Op::of(name.to_owned())
}

pub(super) struct Suite<'a> {
    pub(super) ledger: &'a dyn Ledger,
    /// Keeps this run apart from the ones before.
    pub(super) run: u128,
}

impl Suite<'_> {
    pub(super) fn op(&self, name: &str) -> Op {
        Op::of(format!("{name} {}", self.run))
    }
}

impl Op {
    fn of(text: String) -> Self {
        let key = IdempotencyKey::of(SITE, None::<&str>, &text).expect("a good key");
        let names = (Namespace::of(SITE), Encoded::unchecked(&text));
        Self { key, at_most_once: false, fingerprint: None, ttl: TTL, text, names }
    }

    /// The same key, shown as something else.
    pub(crate) fn written(self, text: String) -> Self {
        Self { names: (self.names.0, Encoded::unchecked(&text)), text, ..self }
    }

    pub(crate) fn request(&self, owner: u128) -> Request<'_> {
        Request {
            key: self.key,
            site: SITE,
            name: Name { namespace: &self.names.0, scope: None, key: &self.names.1 },
            owner,
            fingerprint: self.fingerprint,
            version: 3,
            lease: LEASE,
            ttl: self.ttl,
            at_most_once: self.at_most_once,
        }
    }

    pub(super) async fn claim(&self, ledger: &dyn Ledger, owner: u128) -> Claimed {
        ledger.claim(&self.request(owner)).await.expect("the ledger answers")
    }

    pub(super) async fn granted(&self, ledger: &dyn Ledger, owner: u128) -> Hold {
        match self.claim(ledger, owner).await {
            Claimed::Granted { fence } => Hold { key: self.key, owner, fence },
            other => panic!("not granted: {other:?}"),
        }
    }

    pub(crate) async fn state(&self, ledger: &dyn Ledger) -> Option<EntryState> {
        ledger.inspect(self.key).await.expect("the ledger answers").map(|entry| entry.state)
    }
}

pub(super) fn value(text: &str) -> Stored {
    Stored { version: 3, body: Body::Value(text.into()) }
}

pub(super) async fn complete(ledger: &dyn Ledger, hold: Hold, text: &str) -> Written {
    ledger.complete(hold, value(text), TTL).await.expect("the ledger answers")
}

/// Leaves a claim, and waits until the ledger has written it: from `drop` it may do that later.
pub(super) async fn leave(ledger: &dyn Ledger, hold: Hold, may_have_run: bool) {
    ledger.abandon(hold, may_have_run);
    let written = async {
        while let Some(entry) = ledger.inspect(hold.key).await.expect("the ledger answers")
            && (entry.state, entry.fence) == (EntryState::Running, hold.fence)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, written).await.expect("an abandoned claim ends soon");
}

pub(super) async fn lapse() {
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
}
