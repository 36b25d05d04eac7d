use resilience::idempotent;

#[idempotent(ttl = "1h")]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
