use resilience::{Error, fallback, timeout};

#[fallback(|error: &Error| Ok(error.attempts()))]
#[timeout(ms = 10)]
async fn call() -> Result<u32, Error> {
    Ok(1)
}

fn main() {}
