use resilience::{retry, timeout};

#[derive(Debug)]
enum LoadError {
    Unreachable,
}

#[timeout(secs = 2)]
#[retry(when = |error| matches!(error, LoadError::Unreachable), repeatable = "a read")]
async fn load(id: u64) -> Result<String, LoadError> {
    if id == 0 { Err(LoadError::Unreachable) } else { Ok(id.to_string()) }
}

fn main() {}
