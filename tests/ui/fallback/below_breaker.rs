use resilience::{circuit_breaker, fallback, timeout};

#[timeout(ms = 500)]
#[circuit_breaker(failure_rate = 0.5)]
#[fallback(|_| Ok(0))]
async fn stock(item: &str) -> Result<usize, resilience::Error> {
    Ok(item.len())
}

fn main() {}
