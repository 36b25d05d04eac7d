use resilience::fallback;

#[fallback(async { Ok(0) })]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
