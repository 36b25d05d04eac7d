use resilience::bulkhead;

#[bulkhead(max = 32, max = 64)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
