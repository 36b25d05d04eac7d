use resilience::{Error, policies};

struct Client;

#[policies(bulkhed(max = 1), ratelimit(permits = 5), hegde(after = "5ms"))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
