use std::time::Duration;

use resilience::circuit_breaker;

const WINDOW: Duration = Duration::from_secs(10);

#[circuit_breaker(window = WINDOW)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
