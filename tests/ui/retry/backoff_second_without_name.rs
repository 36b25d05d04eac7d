use resilience::retry;

#[retry(backoff = exponential("50ms", "2s"), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
