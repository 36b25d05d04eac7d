use resilience::{RateLimit, rate_limit};

static API: RateLimit = RateLimit::new("api", 100);

#[rate_limit(share = API, fleet)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
