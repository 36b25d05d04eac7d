use std::time::Duration;

use resilience::timeout;

#[timeout(after = Duration::from_millis(0))]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
