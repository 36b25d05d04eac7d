use resilience::fallback;

#[fallback(|_| async move { Ok(0) })]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
