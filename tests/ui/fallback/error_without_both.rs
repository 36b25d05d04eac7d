use resilience::{circuit_breaker, fallback};

#[derive(Debug)]
struct Missing;

#[fallback(|_| Ok(0))]
#[circuit_breaker(failure_rate = 0.5)]
async fn stock(item: &str) -> Result<usize, Missing> {
    if item.is_empty() { Err(Missing) } else { Ok(item.len()) }
}

fn main() {}
