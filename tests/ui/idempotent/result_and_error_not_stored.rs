use resilience::{Failure, idempotent};

#[derive(Debug, Failure)]
enum PayError {
    #[failure(permanent)]
    Declined,
    #[failure(policy)]
    Policy(resilience::Error),
}

struct Receipt {
    number: u64,
}

#[idempotent(key = order, store_errors)]
async fn charge(order: u64) -> Result<Receipt, PayError> {
    if order == 0 { Err(PayError::Declined) } else { Ok(Receipt { number: order }) }
}

fn main() {}
