use resilience::{Error, policies, retry};

struct Client;

#[async_trait::async_trait]
trait Fetch {
    async fn count(&self) -> u32;
    async fn slow(&self) -> Result<u32, Error>;
}

#[async_trait::async_trait]
#[policies(timeout(ms = 500))]
impl Fetch for Client {
    async fn count(&self) -> u32 {
        1
    }

    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable, when = |_| true)]
    async fn slow(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
