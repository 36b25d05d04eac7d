use resilience::fallback;

fn none(_: std::io::Error) -> std::io::Result<usize> {
    Ok(0)
}

#[fallback(method = none)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
