use resilience::{Error, retry, timeout};

#[timeout(ms = 500)]
#[retry(attempts = 3, backoff = none, repeatable)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
