use resilience::{Error, bulkhead, policies, retry};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    async fn plain(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable, when = |_| true)]
    async fn slow(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[bulkhead(max = 8, queue = 8, max_wait = "1s")]
    async fn queued(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
