use std::time::Duration;

use resilience::{Error, policies};

struct Client;

#[policies(timeout(after = limit))]
impl Client {
    async fn one(&self, limit: Duration) -> Result<Duration, Error> {
        Ok(limit)
    }

    async fn two(&self, limit: Duration) -> Result<Duration, Error> {
        Ok(limit)
    }
}

fn main() {}
