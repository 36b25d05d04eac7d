use resilience::{Error, RateLimit, bulkhead};

static LIMIT: RateLimit = RateLimit::new("limit", 1);

#[bulkhead(share = LIMIT)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
