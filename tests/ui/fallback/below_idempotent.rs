use resilience::{fallback, idempotent};

#[idempotent(key = order)]
#[fallback(|_| Ok(0))]
async fn charge(order: u64) -> Result<u64, resilience::Error> {
    Ok(order)
}

fn main() {}
