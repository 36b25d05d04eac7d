use std::time::Duration;

use resilience::{hedge, retry, timeout};

const DELAY: Duration = Duration::from_secs(1);

#[timeout(ms = 500)]
#[retry(repeatable = "a read")]
#[hedge(after = DELAY, repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
