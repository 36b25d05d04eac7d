use resilience::rate_limit;

#[rate_limit(permits = 100, weight = count)]
async fn fetch(url: &str, count: &u32) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
