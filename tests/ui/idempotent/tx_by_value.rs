use resilience::idempotent;

#[idempotent(key = order, tx = tx)]
async fn charge(mut tx: Vec<u64>, order: u64) -> std::io::Result<u64> {
    tx.push(order);
    Ok(order)
}

fn main() {}
