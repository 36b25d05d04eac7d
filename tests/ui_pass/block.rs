#![deny(warnings, unused_qualifications, clippy::all, clippy::pedantic)]
//! Blocks whose policies go to their methods, without a warning.

use std::future::Future;
use std::time::Duration;

use resilience::{Error, idempotent, policies, retry};

const BUDGET: Duration = Duration::from_millis(500);

struct Client {
    calls: u32,
}

#[policies(
    timeout(after = BUDGET),
    circuit_breaker(),
    bulkhead(max = 8, queue = 8),
    allow(retry_unsafe = "the callee deduplicates")
)]
impl Client {
    #![allow(clippy::unused_self)]

    /// Its own policies are collected by their short names.
    #[must_use = "as before"]
    #[retry(attempts = 2, backoff = none, when = |_| true)]
    #[idempotent(key = order)]
    async fn charge(&self, order: u64) -> Result<u64, Error> {
        Ok(order)
    }

    async fn rename(&mut self, mut word: String, (left, _): (u32, u32)) -> Result<String, Error> {
        self.calls += left;
        word.push('!');
        Ok(word)
    }

    /// Nothing is to be had.
    #[cfg(any())]
    async fn missing(&self) -> u32 {
        1
    }

    #[policies(skip)]
    fn calls(&self) -> u32 {
        self.calls
    }

    fn later(&self) -> impl Future<Output = Result<u32, Error>> + Send {
        async { Ok(self.calls) }
    }
}

/// The marker is all that the import is for.
mod marked {
    use resilience::policies;

    pub struct Other;

    #[resilience::policies(retry(repeatable = "reads only", when = |_| true), timeout(ms = 100))]
    impl Other {
        pub async fn read(&self) -> Result<u32, resilience::Error> {
            Ok(1)
        }

        #[policies(skip)]
        pub async fn write(&self) -> u32 {
            tokio::task::yield_now().await;
            2
        }
    }
}

fn main() {
    let mut client = Client { calls: 1 };
    drop(client.charge(1));
    drop(client.rename(String::new(), (1, 2)));
    drop(client.later());
    client.calls();
    drop(marked::Other.read());
    drop(marked::Other.write());
}
