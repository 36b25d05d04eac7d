use std::time::Duration;

use resilience::{Error, policies, retry};

const BUDGET: Duration = Duration::from_millis(500);

struct Client;

#[policies(timeout(after = BUDGET))]
impl Client {
    async fn plain(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable, when = |_| true)]
    async fn slow(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
