use resilience::{Error, circuit_breaker};

#[circuit_breaker(share = "gateway")]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
