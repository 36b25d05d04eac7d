use resilience::rate_limit;

const PERMITS: u32 = 0;

#[rate_limit(permits = PERMITS)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
