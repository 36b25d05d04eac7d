use resilience::{Error, timeout};

#[timeout(after = limit, dynamic)]
async fn scan(limit: u64) -> Result<(), Error> {
    Ok(())
}

fn main() {}
