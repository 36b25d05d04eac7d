use resilience::{Error, exclusive, retry};

// One at a time is not once.
#[exclusive(key = day)]
#[retry(attempts = 3)]
async fn nightly(day: u64) -> Result<u64, Error> {
    Ok(day)
}

fn main() {}
