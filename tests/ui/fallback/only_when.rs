use resilience::fallback;

#[fallback(when = |_| true)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
