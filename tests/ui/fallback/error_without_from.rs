use resilience::{fallback, timeout};

#[derive(Debug)]
struct Missing;

#[fallback(|_| Ok(0))]
#[timeout(ms = 500)]
async fn stock(item: &str) -> Result<usize, Missing> {
    if item.is_empty() { Err(Missing) } else { Ok(item.len()) }
}

fn main() {}
