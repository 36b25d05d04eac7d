use resilience::{Error, Pool, bulkhead};

const REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
async fn report() -> Result<(), Error> {
    Ok(())
}

fn main() {}
