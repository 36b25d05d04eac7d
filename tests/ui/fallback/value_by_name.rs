use resilience::fallback;

#[fallback(value = 3)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
