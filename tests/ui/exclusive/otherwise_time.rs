use resilience::exclusive;

#[exclusive(key = region, otherwise = wait("10s"))]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
