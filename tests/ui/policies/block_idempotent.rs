use resilience::{Error, policies};

struct Client;

#[policies(idempotent(key = order), timeout(ms = 500))]
impl Client {
    async fn charge(&self, order: u64) -> Result<u64, Error> {
        Ok(order)
    }
}

fn main() {}
