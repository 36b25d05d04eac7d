use resilience::{Bulkhead, Error, bulkhead};

static ROOMS: Bulkhead = Bulkhead::new("rooms", 8);

#[bulkhead(pool = ROOMS)]
async fn report() -> Result<(), Error> {
    Ok(())
}

fn main() {}
