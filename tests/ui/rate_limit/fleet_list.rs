use resilience::rate_limit;

#[rate_limit(permits = 100, fleet(open))]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
