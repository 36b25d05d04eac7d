use std::time::Duration;

use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(max = 8, pool = REPORTS)]
async fn report() -> Result<(), Error> {
    Ok(())
}

#[bulkhead(pool = REPORTS, key = tenant)]
async fn of_tenant(tenant: u32) -> Result<u32, Error> {
    Ok(tenant)
}

#[bulkhead(pool = REPORTS, share = REPORTS)]
async fn shared() -> Result<(), Error> {
    Ok(())
}

fn main() {
    let _ = Duration::ZERO;
}
