use resilience::circuit_breaker;

#[circuit_breaker(failure_rate = 1.5, window = 0, open_for = "0s")]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
