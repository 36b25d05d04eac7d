use std::time::Duration;

use resilience::hedge;

const DELAY: Duration = Duration::from_millis(50);

#[hedge(after = DELAY, initial = "100ms", repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
