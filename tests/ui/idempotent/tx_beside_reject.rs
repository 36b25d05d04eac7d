use resilience::idempotent;

#[idempotent(key = order, reject, tx = tx)]
async fn charge(tx: &mut Vec<u64>, order: u64) -> std::io::Result<u64> {
    tx.push(order);
    Ok(order)
}

fn main() {}
