use resilience::{Error, bulkhead};

#[bulkhead(max = 3, key = tennant)]
async fn call(tenant: u32) -> Result<u32, Error> {
    Ok(tenant)
}

fn main() {}
