use resilience::{retry, timeout};

#[timeout(ms = 500)]
#[retry(attempts = 4, backoff = fixed("200ms"), jitter = none, repeatable = "a read")]
async fn load(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
