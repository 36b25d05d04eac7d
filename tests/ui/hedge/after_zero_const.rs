use std::time::Duration;

use resilience::hedge;

const DELAY: Duration = Duration::ZERO;

#[hedge(after = DELAY, repeatable = "a read")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
