use resilience::{Failure, retry, timeout};

#[derive(Debug, thiserror::Error, Failure)]
enum PayError {
    #[error("unreachable")]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(#[from] resilience::Error),
}

#[timeout(secs = 2)]
#[retry(repeatable = "a read")]
async fn load(id: u64) -> Result<String, PayError> {
    if id == 0 { Err(PayError::Unreachable) } else { Ok(id.to_string()) }
}

fn main() {}
