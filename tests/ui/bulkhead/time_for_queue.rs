use resilience::bulkhead;

#[bulkhead(max = 32, queue = "100ms")]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
