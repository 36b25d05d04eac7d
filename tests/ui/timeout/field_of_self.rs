use std::time::Duration;

use resilience::timeout;

struct Client {
    limit: Duration,
}

impl Client {
    #[timeout(after = self.limit)]
    async fn fetch(&self, url: &str) -> std::io::Result<String> {
        Ok(url.to_owned())
    }
}

fn main() {}
