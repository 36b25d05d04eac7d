use resilience::exclusive;

#[exclusive(key = region, key = 7)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
