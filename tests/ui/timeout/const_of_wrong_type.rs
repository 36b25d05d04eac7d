use std::time::Duration;

use resilience::timeout;

const LIMIT: Duration = Duration::from_secs(2);

#[timeout(ms = LIMIT)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
