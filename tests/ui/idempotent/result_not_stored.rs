use resilience::idempotent;

struct Receipt {
    number: u64,
}

#[idempotent(key = order)]
async fn charge(order: u64) -> std::io::Result<Receipt> {
    Ok(Receipt { number: order })
}

fn main() {}
