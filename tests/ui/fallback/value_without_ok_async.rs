use resilience::fallback;

#[fallback(async |_| 0)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
