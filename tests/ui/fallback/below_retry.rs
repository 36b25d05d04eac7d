use resilience::{fallback, retry};

#[retry(attempts = 3, repeatable = "a read")]
#[fallback(|_| Ok(0))]
async fn stock(item: &str) -> std::io::Result<usize> {
    Ok(item.len())
}

fn main() {}
