use resilience::retry;

#[retry(backoff = exponential("50ms", base = 2.0), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
