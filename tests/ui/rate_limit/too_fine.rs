use resilience::rate_limit;

#[rate_limit(permits = 2_000_000, per = "1s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
