use resilience::bulkhead;

#[bulkhead(concurrency = 32)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
