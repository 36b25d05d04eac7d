use resilience::idempotent;

#[idempotent(key = order)]
async fn charge(order: u64) -> bool {
    order > 0
}

fn main() {}
