use resilience::{Error, Pool, bulkhead};

static REPORTS: Pool = Pool::new("reports");
static MORE: Pool = Pool::new("more");

#[bulkhead(pool = REPORTS)]
#[bulkhead(pool = MORE)]
async fn report() -> Result<(), Error> {
    Ok(())
}

fn main() {}
