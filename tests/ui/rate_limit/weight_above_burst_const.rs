use resilience::rate_limit;

const COST: u32 = 101;

#[rate_limit(permits = 100, weight = COST)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
