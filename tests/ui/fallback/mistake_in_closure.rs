use resilience::fallback;

#[fallback(|error| Ok(error.lenght()))]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
