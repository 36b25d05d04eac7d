use resilience::{Error, rate_limit};

#[rate_limit(permits = 3, key = " ")]
async fn call(price: f64) -> Result<f64, Error> {
    Ok(price)
}

fn main() {}
