use resilience::exclusive;

#[exclusive(key = region, lease = "0s")]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
