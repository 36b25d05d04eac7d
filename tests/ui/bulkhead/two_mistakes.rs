use resilience::bulkhead;

#[bulkhead(max = 0, queue = 64, max_wait = "0s")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
