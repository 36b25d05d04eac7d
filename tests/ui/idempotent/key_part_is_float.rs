use resilience::idempotent;

struct Order {
    id: u64,
    amount: f64,
}

#[idempotent(key = (order.id, order.amount))]
async fn charge(order: &Order) -> std::io::Result<u64> {
    Ok(order.id)
}

fn main() {}
