use std::time::Duration;

use resilience::timeout;

#[timeout(after = limit)]
async fn fetch(url: &str, limit: Duration) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
