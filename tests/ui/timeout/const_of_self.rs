use std::time::Duration;

use resilience::timeout;

struct Client;

impl Client {
    const LIMIT: Duration = Duration::from_secs(2);

    #[timeout(after = Self::LIMIT)]
    async fn fetch(&self, url: &str) -> std::io::Result<String> {
        Ok(url.to_owned())
    }
}

fn main() {}
