use resilience::idempotent;

struct Order {
    id: u64,
}

#[idempotent(order.id)]
async fn charge(order: &Order) -> std::io::Result<u64> {
    Ok(order.id)
}

fn main() {}
