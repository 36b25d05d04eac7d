use resilience::{hedge, idempotent};

#[idempotent(key = order, guarantee = at_most_once)]
#[hedge(after = "50ms", repeatable = "a read")]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
