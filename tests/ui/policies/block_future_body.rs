use std::future::Future;

use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    fn future(&self) -> impl Future<Output = Result<u32, Error>> {
        self.good()
    }

    async fn good(&self) -> Result<u32, Error> {
        Ok(1)
    }
}

fn main() {}
