use resilience::{Error, timeout};

#[timeout(ms = 10)]
async fn nothing() -> Result<u64, Error> {}

fn main() {}
