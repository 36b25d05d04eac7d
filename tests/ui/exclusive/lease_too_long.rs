use resilience::exclusive;

#[exclusive(lease = "25h")]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
