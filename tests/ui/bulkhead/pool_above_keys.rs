use resilience::{Error, Pool, bulkhead, circuit_breaker, idempotent};

static REPORTS: Pool = Pool::new("reports");

#[bulkhead(pool = REPORTS)]
#[circuit_breaker(consecutive = 5, key = tenant)]
#[idempotent(key = tenant)]
async fn report(tenant: u32) -> Result<u32, Error> {
    Ok(tenant)
}

fn main() {}
