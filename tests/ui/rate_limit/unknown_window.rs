use resilience::rate_limit;

#[rate_limit(limit = 100, window = "1s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
