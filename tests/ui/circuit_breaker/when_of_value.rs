use resilience::circuit_breaker;

#[circuit_breaker(when = |error: std::io::Error| error.kind() == std::io::ErrorKind::TimedOut)]
async fn quote(symbol: &str) -> std::io::Result<u64> {
    Ok(symbol.len() as u64)
}

fn main() {}
