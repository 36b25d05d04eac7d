use std::time::Duration;

use resilience::{
    Error, bulkhead, circuit_breaker, fallback, hedge, idempotent, policies, rate_limit, retry, timeout,
};

const TOTAL: Duration = Duration::from_secs(2);

#[idempotent(key = order)]
#[timeout(after = TOTAL)]
#[retry(attempts = 3)]
#[circuit_breaker(failure_rate = 0.5)]
#[bulkhead(max = 32)]
#[timeout(ms = 500)]
async fn charge(order: u64) -> Result<u64, Error> {
    Ok(order)
}

// Opinions are about what holds something for as long as a call takes.
#[fallback(|_| Ok(0))]
#[rate_limit(permits = 100)]
#[hedge(after = "50ms", repeatable)]
async fn price() -> Result<u32, Error> {
    Ok(7)
}

#[policies(allow(no_timeout = "the callee answers at once", eager_retry = "it is in this process"))]
#[retry(attempts = 2, backoff = none, repeatable)]
async fn peek() -> Result<u32, Error> {
    Ok(7)
}

fn main() {
    drop((charge(7), price(), peek()));
}
