#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(clippy::needless_arbitrary_self_type, clippy::too_many_arguments)]
//! Arguments of every kind, without a warning.

use std::sync::Arc;
use std::time::Duration;

use resilience::{Error, RetryBudget, bulkhead, circuit_breaker, fallback, hedge, rate_limit, retry, timeout};

/// They may bear the name of a policy.
#[fallback(|_| Ok(fallback))]
#[timeout(ms = 500)]
#[retry(attempts = ATTEMPTS, repeatable, budget = budget)]
#[hedge(after = "10ms", repeatable, budget = budget)]
#[circuit_breaker(key = circuit_breaker)]
#[bulkhead(max = 2, key = bulkhead)]
#[rate_limit(permits = 5, weight = rate_limit)]
async fn named_like_policies(
    timeout: Duration,
    retry: u32,
    hedge: u32,
    circuit_breaker: &str,
    bulkhead: u32,
    rate_limit: u32,
    fallback: u32,
    budget: &RetryBudget,
) -> Result<u32, Error> {
    let _ = (timeout, circuit_breaker, budget);
    Ok(retry + hedge + bulkhead + rate_limit + fallback)
}

const ATTEMPTS: u32 = 2;

#[derive(Clone)]
struct Client(u32);

impl Client {
    #[fallback(|_| Ok(self.0))]
    #[timeout(ms = 500)]
    async fn changed_inside(mut self) -> Result<u32, Error> {
        self.0 += 1;
        Ok(self.0)
    }

    #[fallback(|_| { self.0 += 1; Ok(self.0) })]
    #[timeout(ms = 500)]
    async fn changed_by_both(mut self) -> Result<u32, Error> {
        self.0 += 1;
        Ok(self.0)
    }

    #[retry(repeatable)]
    async fn counted(mut self: Arc<Self>) -> Result<u32, Error> {
        Arc::make_mut(&mut self).0 += 1;
        Ok(self.0)
    }

    #[hedge(after = "10ms", repeatable)]
    #[retry(repeatable)]
    async fn whole_and_part(self: &Self, all @ (_, part): (u32, u32)) -> Result<u32, Error> {
        Ok(self.0 + all.0 + part)
    }
}

fn main() {
    static BUDGET: RetryBudget = RetryBudget::new();
    drop(named_like_policies(Duration::ZERO, 1, 1, "a", 1, 1, 1, &BUDGET));
    drop(Client(1).changed_inside());
    drop(Client(1).changed_by_both());
    drop(Arc::new(Client(1)).counted());
    drop(Client(1).whole_and_part((1, 2)));
}
