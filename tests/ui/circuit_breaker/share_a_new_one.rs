use resilience::{CircuitBreaker, Error, circuit_breaker};

#[circuit_breaker(share = CircuitBreaker::new("gateway"))]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
