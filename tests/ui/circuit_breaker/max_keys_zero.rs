use resilience::{Error, circuit_breaker};

#[circuit_breaker(key = host, max_keys = 0)]
async fn charge(host: &str) -> Result<(), Error> {
    drop(host.to_owned());
    Ok(())
}

fn main() {}
