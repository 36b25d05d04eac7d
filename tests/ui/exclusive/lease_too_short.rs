use resilience::exclusive;

#[exclusive(lease = "10ms")]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
