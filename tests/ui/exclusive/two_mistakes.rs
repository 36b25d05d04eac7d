use resilience::exclusive;

#[exclusive(lease = "0s", otherwise = fail)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
