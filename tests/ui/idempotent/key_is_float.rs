use resilience::idempotent;

#[idempotent(key = amount)]
async fn charge(amount: f64) -> std::io::Result<u64> {
    Ok(amount as u64)
}

fn main() {}
