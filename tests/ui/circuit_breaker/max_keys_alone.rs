use resilience::{Error, circuit_breaker};

#[circuit_breaker(max_keys = 10)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
