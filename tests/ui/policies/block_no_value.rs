use resilience::{Error, policies};

struct Client;

#[policies(timeout(), bulkhead())]
impl Client {
    async fn call(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
