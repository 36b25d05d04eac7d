use resilience::{Error, hedge};

#[hedge(after = p99.9, repeatable)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
