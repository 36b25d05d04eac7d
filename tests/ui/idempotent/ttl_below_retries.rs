use resilience::{idempotent, retry, timeout};

#[idempotent(key = order, ttl = "2m")]
#[retry(attempts = 5, backoff = fixed("10s"))]
#[timeout(secs = 30)]
async fn charge(order: u64) -> std::io::Result<u64> {
    Ok(order)
}

fn main() {}
