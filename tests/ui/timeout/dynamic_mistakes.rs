use std::time::Duration;

use resilience::{Error, timeout};

#[timeout(after = "5s", dynamic)]
async fn the_same_each_time() -> Result<(), Error> {
    Ok(())
}

#[timeout(dynamic)]
async fn nothing_to_compute_from() -> Result<(), Error> {
    Ok(())
}

#[timeout(ms = limit, dynamic)]
async fn a_number(limit: u64) -> Result<(), Error> {
    Ok(())
}

#[timeout(after = limit, dynamic = 1)]
async fn a_value(limit: Duration) -> Result<(), Error> {
    Ok(())
}

fn main() {}
