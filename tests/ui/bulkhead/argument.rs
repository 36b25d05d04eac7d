use resilience::bulkhead;

#[bulkhead(max = places)]
async fn fetch(places: u32) -> std::io::Result<u32> {
    Ok(places)
}

fn main() {}
