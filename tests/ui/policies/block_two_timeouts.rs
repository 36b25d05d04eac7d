use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 500), timeout(ms = 900))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
