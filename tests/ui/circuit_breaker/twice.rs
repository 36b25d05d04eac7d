use resilience::circuit_breaker;

#[circuit_breaker(failure_rate = 0.5)]
#[circuit_breaker(failure_rate = 0.5)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
