use resilience::{Error, bulkhead};

#[bulkhead(max = 3, when = |_| true)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
