use resilience::rate_limit;

#[rate_limit("100/s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
