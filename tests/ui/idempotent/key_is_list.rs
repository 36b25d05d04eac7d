use resilience::idempotent;

#[idempotent(key = orders)]
async fn charge(orders: &Vec<u64>) -> std::io::Result<u64> {
    Ok(orders.iter().sum())
}

fn main() {}
