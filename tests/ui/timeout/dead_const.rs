use std::time::Duration;

use resilience::{retry, timeout};

const BUDGET: Duration = Duration::from_secs(2);

#[timeout(ms = 500)]
#[retry(repeatable = "a read")]
#[timeout(after = BUDGET)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
