use std::time::Duration;

use resilience::idempotent;

const DAY: Duration = Duration::from_secs(24);

#[idempotent(key = order, ttl = DAY)]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
