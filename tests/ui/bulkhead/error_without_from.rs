use resilience::bulkhead;

struct Fault;

#[bulkhead(max = 32)]
async fn fetch(url: &str) -> Result<String, Fault> {
    if url.is_empty() { Err(Fault) } else { Ok(url.to_owned()) }
}

fn main() {}
