use resilience::{Error, rate_limit};

#[rate_limit(100, "1s")]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
