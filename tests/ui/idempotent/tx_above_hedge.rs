use resilience::{hedge, idempotent};

#[idempotent(key = order, tx = tx)]
#[hedge(after = "50ms")]
async fn charge(tx: &Vec<u64>, order: u64) -> std::io::Result<u64> {
    Ok(order + tx.len() as u64)
}

fn main() {}
