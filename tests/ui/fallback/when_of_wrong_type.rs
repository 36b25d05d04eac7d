use resilience::fallback;

fn is_down(error: &String) -> bool {
    error.is_empty()
}

#[fallback(|_| Ok(0), when = is_down)]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
