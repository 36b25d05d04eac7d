use resilience::idempotent;

#[idempotent(key = order, scope = "")]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
