use resilience::exclusive;

#[exclusive(key = region, otherwise = queue)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
