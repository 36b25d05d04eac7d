use resilience::{fallback, timeout};

#[timeout(ms = 500)]
#[fallback]
async fn stock(item: &str) -> Result<usize, resilience::Error> {
    Ok(item.len())
}

fn main() {}
