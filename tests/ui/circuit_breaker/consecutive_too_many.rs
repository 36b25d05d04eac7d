use resilience::circuit_breaker;

#[circuit_breaker(consecutive = 1_000_000)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
