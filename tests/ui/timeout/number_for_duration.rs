use resilience::timeout;

const LIMIT_MS: u64 = 500;

#[timeout(after = LIMIT_MS)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
