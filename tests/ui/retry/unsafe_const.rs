use resilience::{retry, timeout};

const ATTEMPTS: u32 = 3;

#[timeout(secs = 2)]
#[retry(attempts = ATTEMPTS)]
async fn charge(id: u64) -> std::io::Result<String> {
    Ok(id.to_string())
}

fn main() {}
