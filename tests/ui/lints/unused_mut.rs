#![deny(warnings)]

use resilience::{Error, hedge, retry, timeout};

#[timeout(ms = 500)]
async fn cut(mut name: String) -> Result<usize, Error> {
    Ok(name.len())
}

#[retry(attempts = 2, repeatable)]
async fn repeated(mut name: String) -> Result<usize, Error> {
    Ok(name.len())
}

#[hedge(after = "50ms", repeatable)]
async fn raced(mut name: String) -> Result<usize, Error> {
    Ok(name.len())
}

fn main() {
    drop((cut(String::new()), repeated(String::new()), raced(String::new())));
}
