use resilience::fallback;

#[fallback(async |error: String| Ok(error.len()))]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
