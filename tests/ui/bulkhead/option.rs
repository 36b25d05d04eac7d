use resilience::bulkhead;

#[bulkhead(max = 32)]
async fn fetch(url: &str) -> Option<String> {
    Some(url.to_owned())
}

fn main() {}
