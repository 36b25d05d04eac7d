use resilience::fallback;

#[fallback(|_| Ok(0), attempts = 3)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
