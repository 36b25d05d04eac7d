use resilience::retry;

#[derive(Debug)]
enum LoadError {
    Unreachable,
}

#[retry(repeatable = "a read")]
async fn load(id: u64) -> Result<String, LoadError> {
    if id == 0 { Err(LoadError::Unreachable) } else { Ok(id.to_string()) }
}

fn main() {}
