use resilience::{Bulkhead, Error, bulkhead};

static ROOMS: Bulkhead = Bulkhead::new("rooms", 8);

#[bulkhead(share = ROOMS, max = 8)]
async fn scan() -> Result<(), Error> {
    Ok(())
}

fn main() {}
