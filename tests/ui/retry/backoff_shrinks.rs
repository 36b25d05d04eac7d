use resilience::retry;

#[retry(backoff = exponential("50ms", factor = 0.5), repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
