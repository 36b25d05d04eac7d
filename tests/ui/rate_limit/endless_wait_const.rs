use resilience::{rate_limit, retry, timeout};

const WAIT: std::time::Duration = std::time::Duration::from_secs(1);

#[timeout(ms = 500)]
#[retry(repeatable = "a read")]
#[rate_limit(permits = 100, max_wait = WAIT)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
