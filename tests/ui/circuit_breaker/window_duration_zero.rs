use std::time::Duration;

use resilience::circuit_breaker;

#[circuit_breaker(window = Duration::from_secs(0))]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
