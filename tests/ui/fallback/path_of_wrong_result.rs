use resilience::fallback;

fn none(_: std::io::Error) -> usize {
    0
}

#[fallback(none)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
