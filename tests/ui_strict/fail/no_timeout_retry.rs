use resilience::{Error, retry};

#[retry(attempts = 3, repeatable)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

fn main() {}
