use resilience::{Error, circuit_breaker};

#[circuit_breaker(share = GATEWAY)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
