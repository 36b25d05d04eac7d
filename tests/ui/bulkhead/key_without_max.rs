use resilience::{Error, bulkhead};

#[bulkhead(key = tenant)]
async fn scan(tenant: u32) -> Result<(), Error> {
    drop(tenant);
    Ok(())
}

fn main() {}
