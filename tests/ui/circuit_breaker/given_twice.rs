use resilience::circuit_breaker;

#[circuit_breaker(probes = 1, failure_rate = 0.5, probes = 3)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
