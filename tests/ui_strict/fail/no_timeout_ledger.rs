use resilience::{Error, idempotent};

#[idempotent(key = order)]
async fn charge(order: u64) -> Result<u64, Error> {
    Ok(order)
}

fn main() {}
