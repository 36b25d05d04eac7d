use resilience::retry;

#[retry(budget = GATEWAY, repeatable = "a read")]
async fn price() -> Result<u64, resilience::Error> {
    Ok(1)
}

fn main() {}
