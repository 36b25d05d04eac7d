//! Claims on their way. Those of one key and the same values share the answer of the first.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::store::Answer;
use crate::key::IdempotencyKey;
use crate::ledger::shards::Shards;
use crate::ledger::{Claimed, LedgerError, Request};

type Operation = (IdempotencyKey, Option<[u8; 32]>);
type Ask = Arc<OnceCell<Result<Claimed, String>>>;

pub(super) struct Asks(Shards<HashMap<Operation, Ask>>);

impl Asks {
    pub(super) fn new() -> Self {
        Self(Shards::new(Shards::<()>::USUAL))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|asks| asks.is_empty())
    }

    /// The answer to `claim`, or to one that is on its way already. When its caller goes away, the next one asks.
    pub(super) async fn share(
        &self,
        request: &Request<'_>,
        claim: impl Future<Output = Answer<Claimed>>,
    ) -> Answer<Claimed> {
        let operation = (request.key, request.fingerprint);
        let ask = Arc::clone(self.0.of(request.key).entry(operation).or_default());
        let asking = Asking { asks: self, operation, ask };
        let mut asked = false;
        let answer = asking.ask.get_or_init(|| async {
            asked = true;
            claim.await.map_err(|LedgerError(why)| why)
        });
        match answer.await.clone().map_err(LedgerError)? {
            // It was granted to the one who asked.
            Claimed::Granted { fence } if !asked => Ok(Claimed::Running { fence, left: request.lease }),
            answer => Ok(answer),
        }
    }
}

/// One who has asked, or shares the answer.
struct Asking<'a> {
    asks: &'a Asks,
    operation: Operation,
    ask: Ask,
}

impl Drop for Asking<'_> {
    /// Who comes after the answer asks anew.
    fn drop(&mut self) {
        let mut asks = self.asks.0.of(self.operation.0);
        let last = Arc::strong_count(&self.ask) == 2; // counted under the lock
        let ours = asks.get(&self.operation).is_some_and(|ask| Arc::ptr_eq(ask, &self.ask));
        if ours && (last || self.ask.initialized()) {
            asks.remove(&self.operation);
        }
    }
}
