//! A mistake in the block is the only error, whatever its methods say.
#![deny(warnings)]

use resilience::{Error, idempotent, policies, timeout};

struct Client;

#[policies(
    retry(attempts = 0),
    allow(retry_unsafe = "the callee deduplicates"),
    crate = resilience
)]
impl Client {
    pub async fn plain(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[policies(name = "client.named")]
    pub async fn named(&self) -> Result<u32, Error> {
        self.plain().await
    }

    #[policies(skip)]
    pub async fn skipped(&self) -> u32 {
        2
    }

    #[idempotent(key = order)]
    #[resilience::timeout(ms = 500)]
    pub async fn keyed(&self, order: u32) -> Result<u32, Error> {
        Ok(self.skipped().await + order)
    }

    #[timeout(ms = 500)]
    pub async fn timed(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {
    let _ = (Client.plain(), Client.named(), Client.skipped(), Client.keyed(1), Client.timed());
}
