use resilience::{Error, policies};

struct Client;

#[policies(name = "client", timeout(ms = 500))]
impl Client {
    async fn call(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
