use resilience::{Error, policies};

struct Client;

#[policies(timeout(mss = 500), circuit_breaker(failure_rate = 0.5))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    async fn two(&self) -> Result<u32, Error> {
        self.one().await
    }
}

fn main() {}
