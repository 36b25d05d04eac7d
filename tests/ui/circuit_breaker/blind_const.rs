use resilience::circuit_breaker;

const CALLS: u32 = 50;

#[circuit_breaker(window = 20, min_calls = CALLS)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
