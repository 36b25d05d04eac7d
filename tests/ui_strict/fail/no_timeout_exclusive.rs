use resilience::exclusive;

#[exclusive(key = region)]
async fn settle(region: &str) -> std::io::Result<usize> {
    Ok(region.len())
}

fn main() {}
