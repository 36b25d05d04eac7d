use resilience::rate_limit;

const COST: usize = 2;

#[rate_limit(permits = 100, weight = COST)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
