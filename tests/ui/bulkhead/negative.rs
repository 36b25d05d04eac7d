use resilience::bulkhead;

#[bulkhead(max = -1)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
