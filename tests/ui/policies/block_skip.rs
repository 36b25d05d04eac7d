use resilience::{Error, policies};

struct Client;

#[policies(skip, timeout(ms = 500))]
impl Client {
    async fn call(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
