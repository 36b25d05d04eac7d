use resilience::rate_limit;

#[rate_limit(permits = 1, per = "1d", burst = 1_000)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
