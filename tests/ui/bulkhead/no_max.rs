use resilience::bulkhead;

#[bulkhead(queue = 64)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
