use resilience::{Error, retry};

#[retry(repeatable)]
#[timeout(ms = 5)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
