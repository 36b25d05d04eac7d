use resilience::circuit_breaker;

#[circuit_breaker(0.5, "10s")]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
