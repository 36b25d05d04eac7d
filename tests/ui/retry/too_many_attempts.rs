use resilience::retry;

#[retry(attempts = 100_000, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
