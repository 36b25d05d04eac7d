use resilience::idempotent;

#[idempotent(key = order, wait = "5s", reject)]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
