use resilience::{retry, timeout};

#[timeout(ms = 500)]
#[retry(repeatable = "a read")]
#[timeout(secs = 2)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
