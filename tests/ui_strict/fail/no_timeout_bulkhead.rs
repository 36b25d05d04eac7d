use resilience::{Error, bulkhead};

#[bulkhead(max = 32)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
