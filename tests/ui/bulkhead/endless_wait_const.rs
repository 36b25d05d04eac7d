use std::time::Duration;

use resilience::{bulkhead, retry, timeout};

const WAIT: Duration = Duration::from_secs(1);

#[timeout(ms = 500)]
#[retry(repeatable = "a read")]
#[bulkhead(max = 32, queue = 64, max_wait = WAIT)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
