use resilience::{Bulkhead, Error, circuit_breaker};

static ROOMS: Bulkhead = Bulkhead::new("rooms", 8);

#[circuit_breaker(share = ROOMS)]
async fn charge() -> Result<(), Error> {
    Ok(())
}

fn main() {}
