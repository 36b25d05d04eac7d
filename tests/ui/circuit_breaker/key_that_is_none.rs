use resilience::{Error, circuit_breaker};

struct Host;

#[circuit_breaker(key = host)]
async fn charge(host: &Host) -> Result<(), Error> {
    drop(host);
    Ok(())
}

fn main() {}
