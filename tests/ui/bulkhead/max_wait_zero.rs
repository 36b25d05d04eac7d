use resilience::bulkhead;

#[bulkhead(max = 32, queue = 64, max_wait = "0ms")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
