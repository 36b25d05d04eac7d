use resilience::idempotent;

#[idempotent(key = order, tx = pool.begin())]
async fn charge(pool: &Pool, order: u64) -> std::io::Result<u64> {
    Ok(order)
}

struct Pool;

fn main() {}
