use std::time::Duration;

use resilience::{Error, retry};

#[retry(attempts = 4, backoff = fixed("1s"), jitter = none, max_elapsed = "500ms", repeatable)]
async fn written() -> Result<(), Error> {
    Ok(())
}

const MOST: Duration = Duration::from_millis(500);

#[retry(attempts = 4, backoff = fixed("1s"), jitter = equal, max_elapsed = MOST, repeatable)]
async fn computed() -> Result<(), Error> {
    Ok(())
}

fn main() {}
