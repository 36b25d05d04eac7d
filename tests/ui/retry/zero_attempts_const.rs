use resilience::retry;

const ATTEMPTS: u32 = 0;

#[retry(attempts = ATTEMPTS, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
