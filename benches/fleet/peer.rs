use std::sync::Arc;
use std::time::Duration;

use idempotent::valkey::ValkeyStore;
use idempotent::{ExecutionOutcome, IdempotencyKey, IdempotencyStore};

use crate::{Candidate, Receipt, body};

const TTL: Duration = Duration::from_hours(24);
const LEASE: Duration = Duration::from_mins(1);

pub(crate) struct CrateIdempotent(ValkeyStore);

impl CrateIdempotent {
    pub(crate) async fn open(url: &str) -> Self {
        Self(ValkeyStore::with_url(url).prefix("peer").try_build().await.expect("a store"))
    }
}

impl Candidate for Arc<CrateIdempotent> {
    async fn call(&self, order: u64) -> Receipt {
        let key = IdempotencyKey::new(format!("order-{order}")).expect("a key");
        let outcome = self
            .0
            .claim(&key, LEASE)
            .fingerprint("charge", b"")
            .json()
            .execute_or_replay(TTL, |_token| async { Ok(body(order)) })
            .await
            .expect("charged");
        match outcome {
            ExecutionOutcome::Executed(receipt) | ExecutionOutcome::Replayed(receipt) => receipt,
            other => panic!("{other:?}"),
        }
    }
}
