use resilience::retry;

#[retry(attempts = 3, delay = "50ms", repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
