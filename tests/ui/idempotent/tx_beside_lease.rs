use resilience::idempotent;

#[idempotent(key = order, tx = tx, lease = "30s", guarantee = dedup, wait = "5s")]
async fn charge(tx: &mut Vec<u64>, order: u64) -> std::io::Result<u64> {
    tx.push(order);
    Ok(order)
}

fn main() {}
