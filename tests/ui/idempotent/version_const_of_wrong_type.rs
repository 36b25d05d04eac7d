use resilience::idempotent;

const VERSION: &str = "2";

#[idempotent(key = order, version = VERSION)]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
