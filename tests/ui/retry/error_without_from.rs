use resilience::{Failure, retry, timeout};

#[derive(Debug, Failure)]
enum LoadError {
    #[failure(transient)]
    Unreachable,
}

#[timeout(secs = 2)]
#[retry(repeatable = "a read")]
async fn load(id: u64) -> Result<String, LoadError> {
    if id == 0 { Err(LoadError::Unreachable) } else { Ok(id.to_string()) }
}

fn main() {}
