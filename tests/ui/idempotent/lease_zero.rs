use resilience::idempotent;

#[idempotent(key = order, lease = "0s")]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
