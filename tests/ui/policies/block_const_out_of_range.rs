use std::time::Duration;

use resilience::{Error, policies};

const BUDGET: Duration = Duration::ZERO;

struct Client;

#[policies(timeout(after = BUDGET))]
impl Client {
    async fn one(&self) -> Result<u32, Error> {
        Ok(1)
    }

    async fn two(&self) -> Result<u32, Error> {
        Ok(2)
    }
}

fn main() {}
