use resilience::{rate_limit, timeout};

#[timeout(ms = 500)]
#[rate_limit(permits = 100, max_wait = "1s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
