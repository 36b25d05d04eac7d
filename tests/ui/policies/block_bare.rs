use std::future::Future;

use resilience::{Error, policies};

struct Client;

#[policies(timeout(ms = 500))]
impl Client {
    async fn count(&self) -> u32 {
        1
    }

    async fn nothing(&self) {}

    fn future(&self) -> impl Future<Output = Option<u32>> {
        async { Some(1) }
    }

    async fn good(&self) -> Result<u32, Error> {
        Ok(self.count().await)
    }
}

fn main() {}
