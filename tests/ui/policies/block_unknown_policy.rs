use resilience::{Error, policies};

struct Client;

#[policies(timout(ms = 500), cache(ttl = "1m"), crat = resilience)]
impl Client {
    async fn call(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
