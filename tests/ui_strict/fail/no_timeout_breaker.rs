use resilience::{Error, circuit_breaker};

#[circuit_breaker(consecutive = 5)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
