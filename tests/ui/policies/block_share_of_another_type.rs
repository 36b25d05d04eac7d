use resilience::{Error, policies};

struct Client {
    limit: u32,
}

#[policies(timeout(ms = 5), rate_limit(share = self.limit))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
