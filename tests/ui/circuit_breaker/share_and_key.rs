use resilience::{CircuitBreaker, Error, circuit_breaker};

static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway");

#[circuit_breaker(share = GATEWAY, key = host)]
async fn charge(host: &str) -> Result<(), Error> {
    drop(host.to_owned());
    Ok(())
}

fn main() {}
