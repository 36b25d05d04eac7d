use resilience::fallback;

#[fallback(|_| Ok(0), when = )]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
