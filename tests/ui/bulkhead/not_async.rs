use resilience::bulkhead;

#[bulkhead(max = 32)]
fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
