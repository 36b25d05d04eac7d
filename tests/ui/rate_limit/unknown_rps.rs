use resilience::{Error, rate_limit};

#[rate_limit(rps = 50)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
