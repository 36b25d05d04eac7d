use resilience::rate_limit;

#[rate_limit(per = "1s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
