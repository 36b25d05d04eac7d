use resilience::fallback;

#[fallback(|error: String| Ok(error.len()))]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
