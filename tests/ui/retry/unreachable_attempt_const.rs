use resilience::{retry, timeout};

const ATTEMPTS: u32 = 4;

#[timeout(ms = 500)]
#[retry(attempts = ATTEMPTS + 1, backoff = fixed("200ms"), jitter = none, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
