use resilience::{Error, retry, timeout};

const ATTEMPTS: u32 = 3;

#[timeout(ms = 500)]
#[retry(attempts = ATTEMPTS, jitter = none, repeatable)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
