use resilience::{policies, retry};

#[policies(name = "shop.charge")]
#[policies(allow(retry_unsafe = "the callee deduplicates by amount"))]
#[retry(attempts = 3)]
async fn charge(amount: u64) -> std::io::Result<u64> {
    Ok(amount)
}

fn main() {}
