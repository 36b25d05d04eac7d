use resilience::idempotent;

#[idempotent(key = order, scope = weight)]
async fn charge(order: u64, weight: f32) -> std::io::Result<u64> {
    Ok(order + weight as u64)
}

fn main() {}
