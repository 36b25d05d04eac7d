use resilience::circuit_breaker;

const RATE: f64 = 50.0;

#[circuit_breaker(failure_rate = RATE / 10.0)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
