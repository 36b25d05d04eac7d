use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 500))]
#[policies(bulkhead(max = 8))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
