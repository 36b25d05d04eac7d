use resilience::exclusive;

#[exclusive(key = regoin)]
async fn nightly(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
