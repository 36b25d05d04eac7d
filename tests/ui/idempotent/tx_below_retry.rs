use resilience::{idempotent, retry};

#[retry(attempts = 3)]
#[idempotent(key = order, tx = tx)]
async fn charge(tx: &mut Vec<u64>, order: u64) -> std::io::Result<u64> {
    tx.push(order);
    Ok(order)
}

fn main() {}
