use resilience::retry;

#[retry(backoff = exponential("5s", max = "2s"), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
