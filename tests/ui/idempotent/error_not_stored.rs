use resilience::{Failure, idempotent};

#[derive(Debug, Failure)]
enum PayError {
    #[failure(permanent)]
    Declined,
    #[failure(policy)]
    Policy(resilience::Error),
}

#[idempotent(key = order, store_errors)]
async fn charge(order: u64) -> Result<u64, PayError> {
    if order == 0 { Err(PayError::Declined) } else { Ok(order) }
}

fn main() {}
