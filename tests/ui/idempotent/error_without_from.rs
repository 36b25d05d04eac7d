use resilience::idempotent;

#[derive(Debug)]
struct Declined;

#[idempotent(key = order)]
async fn charge(order: u64) -> Result<u64, Declined> {
    if order == 0 { Err(Declined) } else { Ok(order) }
}

fn main() {}
