use std::time::Duration;

use resilience::hedge;

#[hedge(after = delay, repeatable = "a read")]
async fn fetch(url: &str, delay: Duration) -> std::io::Result<String> {
    Ok(format!("{url} {delay:?}"))
}

fn main() {}
