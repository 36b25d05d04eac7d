use resilience::idempotent;

#[idempotent(key = order, guarantee = "at_most_once")]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
