use resilience::fallback;

async fn cached(_: std::io::Error) -> std::io::Result<usize> {
    Ok(0)
}

#[fallback(cached)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
