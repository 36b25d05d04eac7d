use resilience::rate_limit;

#[rate_limit(permits = 100, weight = 0)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
