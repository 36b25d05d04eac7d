use resilience::bulkhead;

const PLACES: usize = 32;

#[bulkhead(max = PLACES)]
async fn fetch(url: &str) -> std::io::Result<String> {
    Ok(url.to_owned())
}

fn main() {}
