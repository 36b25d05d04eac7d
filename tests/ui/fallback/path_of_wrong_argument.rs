use resilience::fallback;

fn none(error: &std::io::Error) -> std::io::Result<usize> {
    Ok(error.to_string().len())
}

#[fallback(none)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
