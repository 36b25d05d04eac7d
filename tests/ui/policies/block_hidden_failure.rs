use resilience::{Error, fallback, policies};

struct Client;

#[policies(circuit_breaker())]
impl Client {
    #[fallback(|_| Ok(1))]
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
