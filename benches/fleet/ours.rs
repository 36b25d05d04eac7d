use resilience::{Error, Runtime, idempotent};

use crate::{Candidate, Receipt, body};

#[idempotent(key = order)]
async fn charge(order: u64) -> Result<Receipt, Error> {
    Ok(body(order))
}

#[derive(Clone)]
pub(crate) struct Ours(Runtime);

impl Ours {
    pub(crate) async fn open(url: &str) -> Self {
        Self(Runtime::open(url).await.expect("a ledger"))
    }
}

impl Candidate for Ours {
    async fn call(&self, order: u64) -> Receipt {
        self.0.scope(charge(order)).await.expect("charged")
    }
}
