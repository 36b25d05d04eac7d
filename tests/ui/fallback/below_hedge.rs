use resilience::{Error, fallback, hedge};

#[hedge(after = "5ms", repeatable)]
#[fallback(|_| Ok(1))]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
