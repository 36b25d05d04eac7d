use resilience::{Failure, timeout};

#[derive(Debug, Failure)]
enum PayError {
    #[failure(permanent)]
    Declined,
    Stopped(String),
}

impl From<resilience::Error> for PayError {
    fn from(rejection: resilience::Error) -> Self {
        Self::Stopped(rejection.to_string())
    }
}

#[timeout(secs = 2)]
async fn load(id: u64) -> Result<String, PayError> {
    if id == 0 { Err(PayError::Declined) } else { Ok(id.to_string()) }
}

fn main() {}
