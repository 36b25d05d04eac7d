use resilience::exclusive;

#[exclusive(lease = region)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
