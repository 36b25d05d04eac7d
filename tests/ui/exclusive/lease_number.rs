use resilience::exclusive;

#[exclusive(lease = 10)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
