use resilience::rate_limit;

#[rate_limit(permits = 0, per = "0s", burst = 0)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
