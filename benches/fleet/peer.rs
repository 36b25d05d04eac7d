use std::sync::Arc;

use idempotent::valkey::ValkeyStore;

use crate::{Candidate, Receipt, body};

pub(crate) struct CrateIdempotent(ValkeyStore);

impl CrateIdempotent {
    pub(crate) async fn open(url: &str) -> Self {
        Self(ValkeyStore::with_url(url).prefix("peer").try_build().await.expect("a store"))
    }
}

impl Candidate for Arc<CrateIdempotent> {
    async fn call(&self, order: u64) -> Receipt {
        peers::crate_idempotent(&self.0, order, || body(order)).await
    }
}
