use resilience::circuit_breaker;

#[circuit_breaker(when_ok = is_stale)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
