use resilience::fallback;

async fn cached(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

#[fallback(async |_| cached(item))]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
