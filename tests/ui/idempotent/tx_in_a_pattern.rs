use resilience::idempotent;

struct Unit {
    tx: Vec<u64>,
}

#[idempotent(key = order, tx = tx)]
async fn charge(Unit { tx }: &mut Unit, order: u64) -> std::io::Result<u64> {
    tx.push(order);
    Ok(order)
}

fn main() {}
