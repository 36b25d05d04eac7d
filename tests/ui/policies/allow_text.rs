use resilience::{policies, retry};

#[policies(allow = "retry_unsafe")]
#[retry(attempts = 3)]
async fn charge(amount: u64) -> std::io::Result<u64> {
    Ok(amount)
}

fn main() {}
