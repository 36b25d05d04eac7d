use resilience::{CircuitBreaker, Error, circuit_breaker};

static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway");

#[circuit_breaker(share = GATEWAY, failure_rate = 0.3, open_for = "1s")]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
