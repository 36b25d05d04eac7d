//! A server in memory: it counts what it is asked, and can be slow or gone.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use super::*;
use crate::ledger::memory::{MemoryLedger, USUAL_BYTES};

pub(super) struct Server {
    pub(super) records: MemoryLedger,
    pub(super) claims: AtomicU32,
    pub(super) looks: AtomicU32,
    /// How many farewells it heard at a time.
    pub(super) batches: Mutex<Vec<usize>>,
    pub(super) gone: AtomicBool,
    pub(super) panics: AtomicBool,
    /// It does what it is asked, loses the answer, and cannot be reached to be asked again.
    pub(super) fails_unsent: AtomicBool,
    /// It takes this long for an answer, and fails after it where it is gone.
    pub(super) slow: Mutex<Duration>,
}

impl Server {
    async fn answers(&self) -> Answer<()> {
        assert!(!self.panics.load(SeqCst), "it was told to");
        let slow = *self.slow.lock().expect("nobody panicked");
        tokio::time::sleep(slow).await;
        if self.gone.load(SeqCst) { Err(LedgerError::new("gone")) } else { Ok(()) }
    }
}

impl Store for Server {
    async fn claim(&self, claim: &Claim) -> Answer<Claimed> {
        if !claim.begin() {
            return Err(LedgerError::unsent("nobody waits"));
        }
        self.claims.fetch_add(1, SeqCst);
        if self.fails_unsent.load(SeqCst) {
            self.records.claim(&Op { key: claim.key, ..op(&claim.text) }.request(claim.owner)).await?;
            return Err(LedgerError::unsent("no connection to send it again"));
        }
        // It happens at once; the answer comes later.
        let Claim { key, at_most_once, fingerprint, ttl, .. } = *claim;
        let op = Op { key, at_most_once, fingerprint, ttl, ..op(&claim.text) };
        let answer = self.records.claim(&Request { lease: claim.lease, ..op.request(claim.owner) }).await;
        self.answers().await?;
        answer
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Answer<Written> {
        self.answers().await?;
        self.records.renew(hold, lease).await
    }

    async fn complete(&self, hold: Hold, result: &Stored, ttl: Duration) -> Answer<Written> {
        self.answers().await?;
        self.records.complete(hold, result.clone(), ttl).await
    }

    async fn release(&self, hold: Hold) -> Answer<Written> {
        self.answers().await?;
        self.records.release(hold).await
    }

    async fn part(&self, farewells: &[Farewell]) -> Answer<()> {
        self.answers().await?;
        self.batches.lock().expect("nobody panicked").push(farewells.len());
        for farewell in farewells {
            match *farewell {
                Farewell::Abandon { hold, may_have_run } => self.records.abandon(hold, may_have_run),
                Farewell::Withdraw { key, owner } => {
                    if let Some(entry) = self.records.inspect(key).await? {
                        self.records.release(Hold { key, owner, fence: entry.fence }).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn look(&self, key: IdempotencyKey, fence: u64) -> Answer<Seen> {
        self.looks.fetch_add(1, SeqCst);
        self.answers().await?;
        let entry = self.records.inspect(key).await?;
        let entry = entry.filter(|entry| entry.fence == fence);
        Ok(match entry.map(|entry| (entry.state, entry.result)) {
            Some((EntryState::Running, _)) => Seen::Running,
            Some((EntryState::Done, Some(json))) => {
                Seen::Ended(Some(Stored { version: 3, body: Body::Value(json.into()) }))
            }
            _ => Seen::Ended(None),
        })
    }

    async fn in_doubt(&self, most: usize) -> Answer<Vec<Entry>> {
        self.records.in_doubt(most).await
    }

    async fn find(&self, text: &str, most: usize) -> Answer<Vec<Entry>> {
        self.records.find(text, most).await
    }

    async fn inspect(&self, key: IdempotencyKey) -> Answer<Option<Entry>> {
        self.records.inspect(key).await
    }

    async fn forget(&self, key: IdempotencyKey, fence: u64) -> Answer<bool> {
        self.records.forget(key, fence).await
    }

    async fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Answer<bool> {
        self.records.resolve(key, fence, body).await
    }

    async fn draw(&self, _: Draw) -> Answer<Drawn> {
        Err(LedgerError::new("it counts nothing"))
    }
}

pub(super) fn server() -> Server {
    Server {
        records: MemoryLedger::new(100_000, USUAL_BYTES),
        claims: 0.into(),
        looks: 0.into(),
        batches: Mutex::default(),
        gone: false.into(),
        panics: false.into(),
        fails_unsent: false.into(),
        slow: Duration::from_millis(1).into(),
    }
}

impl Server {
    pub(super) fn slow_down_to(&self, slow: Duration) {
        *self.slow.lock().expect("nobody panicked") = slow;
    }

    pub(super) fn batches(&self) -> Vec<usize> {
        self.batches.lock().expect("nobody panicked").clone()
    }
}
