use resilience::exclusive;

#[exclusive(key = region, wait)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
