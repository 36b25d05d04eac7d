use resilience::idempotent;

struct Order {
    id: u64,
    amount: u64,
}

#[idempotent(key = order.id, fingerprint = order)]
async fn charge(order: &Order) -> std::io::Result<u64> {
    Ok(order.amount)
}

fn main() {}
