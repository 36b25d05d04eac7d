use resilience::circuit_breaker;

#[circuit_breaker(window = 20, min_calls = 50)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
