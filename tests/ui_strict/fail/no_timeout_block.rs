use resilience::{Error, policies};

struct Client;

#[policies(circuit_breaker(consecutive = 5))]
impl Client {
    async fn price(&self) -> Result<u32, Error> {
        Ok(7)
    }
}

fn main() {}
