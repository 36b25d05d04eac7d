use resilience::{Error, bulkhead};

#[bulkhead(max = N)]
async fn call<const N: u32>() -> Result<u32, Error> {
    Ok(N)
}

fn main() {}
