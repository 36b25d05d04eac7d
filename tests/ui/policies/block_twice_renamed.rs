use resilience::{Error, policies, policies as more};

struct Client;

#[policies(timeout(ms = 500))]
#[more(bulkhead(max = 8))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
