use resilience::{Error, idempotent, policies};

struct Client;

#[policies(retry(attempts = 3, when = |_| true))]
impl Client {
    #[idempotent(key = order)]
    async fn charge(&self, order: u64) -> Result<u64, Error> {
        Ok(order)
    }

    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
