use resilience::{Error, bulkhead, policies, timeout};

struct Client;

#[policies(retry(attempts = 3, when = |_| true))]
impl Client {
    #[timeout(ms = 500)]
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[bulkhead(max = 8)]
    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
