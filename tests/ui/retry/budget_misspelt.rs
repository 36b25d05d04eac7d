use resilience::retry;

#[retry(budgte = GATEWAY, repeatable = "a read")]
async fn price() -> Result<u64, resilience::Error> {
    Ok(1)
}

fn main() {}
