use resilience::exclusive;

#[exclusive(share = RIGHT)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
