use resilience::rate_limit;

#[rate_limit(permits = limit)]
async fn fetch(url: &str, limit: u32) -> std::io::Result<String> {
    Ok(format!("{url}{limit}"))
}

fn main() {}
