use resilience::retry;

#[retry(max_elapsed = "0s", repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
