use resilience::rate_limit;

struct Fault;

#[rate_limit(permits = 100)]
async fn fetch(url: &str) -> Result<String, Fault> {
    if url.is_empty() { Err(Fault) } else { Ok(url.to_owned()) }
}

fn main() {}
