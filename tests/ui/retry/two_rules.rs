use resilience::{retry, timeout};

#[timeout(ms = 500)]
#[retry(attempts = 3)]
#[timeout(secs = 5)]
async fn charge(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
