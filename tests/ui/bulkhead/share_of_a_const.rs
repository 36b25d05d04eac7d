use resilience::{Bulkhead, Error, bulkhead};

const ROOMS: Bulkhead = Bulkhead::new("rooms", 1);

#[bulkhead(share = ROOMS)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
