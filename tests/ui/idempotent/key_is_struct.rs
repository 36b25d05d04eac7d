use resilience::idempotent;

struct Order {
    id: u64,
}

#[idempotent(key = order)]
async fn charge(order: &Order) -> std::io::Result<u64> {
    Ok(order.id)
}

fn main() {}
