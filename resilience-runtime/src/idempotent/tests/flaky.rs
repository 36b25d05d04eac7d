//! A ledger that fails, answers late, or loses its answers.

use super::*;

/// A ledger in memory behind a bad line.
pub(crate) struct Flaky {
    pub(crate) memory: MemoryLedger,
    /// How many claims, renewals and last writes still fail.
    pub(crate) claims: AtomicU32,
    pub(crate) renewals: AtomicU32,
    pub(crate) writes: AtomicU32,
    /// How many claims were withdrawn.
    pub(crate) withdrawn: AtomicU32,
    /// How many answers are under way.
    pub(crate) answering: Arc<()>,
    /// What fails has been done: only the answer is lost.
    pub(crate) answers_only: bool,
    /// The last claim that fails was never sent.
    pub(crate) ends_unsent: bool,
    /// Renewals are refused, as after a loss of the record.
    pub(crate) refuses: bool,
    /// How long a claim, a renewal and a last write take.
    pub(crate) slow_claim: Duration,
    pub(crate) slow_renewal: Duration,
    pub(crate) slow: Duration,
}

impl Flaky {
    pub(crate) fn new() -> Self {
        Self {
            memory: MemoryLedger::new(100, USUAL_BYTES),
            claims: AtomicU32::new(0),
            renewals: AtomicU32::new(0),
            writes: AtomicU32::new(0),
            withdrawn: AtomicU32::new(0),
            answering: Arc::new(()),
            answers_only: false,
            ends_unsent: false,
            refuses: false,
            slow_claim: Duration::ZERO,
            slow_renewal: Duration::ZERO,
            slow: Duration::ZERO,
        }
    }

    fn reply<'a, T: Send>(
        &'a self,
        fails: &'a AtomicU32,
        slow: Duration,
        act: impl FnOnce() -> Reply<'a, T> + Send + 'a,
    ) -> Reply<'a, T> {
        let answering = Arc::clone(&self.answering);
        Reply::later(async move {
            tokio::time::sleep(slow).await;
            let failed =
                fails.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if failed && !self.answers_only {
                return Err(LedgerError::new("the line is dead".to_owned()));
            }
            let answer = act().await;
            drop(answering);
            if failed { Err(LedgerError::new("the answer is lost".to_owned())) } else { answer }
        })
    }
}

impl Ledger for Flaky {
    fn claim<'a>(&'a self, request: &'a Request<'a>) -> Reply<'a, Claimed> {
        let reply = self.reply(&self.claims, self.slow_claim, move || self.memory.claim(request));
        Reply::later(async move {
            let is_last = || self.ends_unsent && self.claims.load(Ordering::SeqCst) == 0;
            reply.await.map_err(|error| if is_last() { LedgerError::unsent(error.why) } else { error })
        })
    }

    fn withdraw(&self, _: IdempotencyKey, _: u128) {
        assert_eq!(Arc::strong_count(&self.answering), 1, "what a claim holds is let go before");
        self.withdrawn.fetch_add(1, Ordering::SeqCst);
    }

    fn renew(&self, hold: Hold, lease: Duration) -> Reply<'_, Written> {
        let renew = move || {
            if self.refuses { Reply::now(Ok(Written::LeaseLost)) } else { self.memory.renew(hold, lease) }
        };
        self.reply(&self.renewals, self.slow_renewal, renew)
    }

    fn complete(&self, hold: Hold, result: Stored, ttl: Duration) -> Reply<'_, Written> {
        self.reply(&self.writes, self.slow, move || self.memory.complete(hold, result, ttl))
    }

    fn release(&self, hold: Hold) -> Reply<'_, Written> {
        self.reply(&self.writes, self.slow, move || self.memory.release(hold))
    }

    fn abandon(&self, hold: Hold, may_have_run: bool) {
        self.memory.abandon(hold, may_have_run);
    }

    fn ended(
        &self,
        key: IdempotencyKey,
        fence: u64,
    ) -> Pin<Box<dyn Future<Output = Option<Stored>> + Send + '_>> {
        self.memory.ended(key, fence)
    }

    fn in_doubt(&self, most: usize) -> Reply<'_, Vec<Entry>> {
        self.memory.in_doubt(most)
    }

    fn find<'a>(&'a self, text: &str, most: usize) -> Reply<'a, Vec<Entry>> {
        self.memory.find(text, most)
    }

    fn inspect(&self, key: IdempotencyKey) -> Reply<'_, Option<Entry>> {
        self.memory.inspect(key)
    }

    fn forget(&self, key: IdempotencyKey, fence: u64) -> Reply<'_, bool> {
        self.memory.forget(key, fence)
    }

    fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Reply<'_, bool> {
        self.memory.resolve(key, fence, body)
    }
}
