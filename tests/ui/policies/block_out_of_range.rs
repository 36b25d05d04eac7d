use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 0), bulkhead(max = 0))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    #[resilience::timeout(ms = 10)]
    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
