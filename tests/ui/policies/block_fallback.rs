use resilience::{Error, policies};

struct Client;

#[policies(fallback(|_| Ok(1)), timeout(ms = 5))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
