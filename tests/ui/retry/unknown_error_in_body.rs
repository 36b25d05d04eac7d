use resilience::{Failure, retry};

#[derive(Debug, Failure)]
enum LoadError {
    #[failure(transient)]
    Unreachable,
}

#[retry(repeatable = "a read")]
async fn load(id: &str) -> Result<u64, LoadError> {
    let id: u64 = id.parse()?;
    Ok(id)
}

fn main() {}
