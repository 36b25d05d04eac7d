use resilience::{CircuitBreaker, Error, circuit_breaker};

static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway");

#[circuit_breaker(share = GATEWAY)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
