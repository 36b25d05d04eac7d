use resilience::exclusive;

#[exclusive(key = region, ttl = "24h")]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
