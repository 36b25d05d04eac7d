use std::time::Duration;

use resilience::retry;

const WAIT: Duration = Duration::ZERO;

#[retry(backoff = fixed(WAIT), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
