//! What must build, without a word.
#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use resilience::{Failure, bulkhead, circuit_breaker, fallback, idempotent, policies, retry, timeout};

const BUDGET: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 4;
const PLACES: u32 = 16;

#[derive(Debug, thiserror::Error, Failure)]
enum PayError {
    #[error("gateway unreachable")]
    #[failure(transient, not_run)]
    Unreachable,
    #[error("slow down")]
    #[failure(throttled)]
    Busy { retry_after: Duration },
    #[error(transparent)]
    #[failure(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    #[failure(policy)]
    Policy(#[from] resilience::Error),
}

struct Gateway {
    limit: u64,
}

impl Gateway {
    #[policies(name = "shop.charge")]
    #[idempotent(key = (order, "charge"), ttl = "1h", fingerprint = amount)]
    #[timeout(after = BUDGET)]
    #[retry(attempts = ATTEMPTS, backoff = exponential("20ms", max = BUDGET))]
    #[circuit_breaker(window = 50, failure_rate = "25%")]
    #[timeout(ms = 400)]
    async fn charge(&self, order: u64, amount: u64) -> Result<u64, PayError> {
        match amount {
            0 => Err(PayError::Unreachable),
            amount if amount > self.limit => Err(PayError::Busy { retry_after: Duration::from_secs(1) }),
            _ => Ok(order),
        }
    }

    #[resilience::retry(when = |error| matches!(error, PayError::Unreachable), repeatable = "a read")]
    #[resilience::timeout(ms = 400)]
    async fn load(self: Arc<Self>, names: Vec<String>) -> Result<usize, PayError> {
        Ok(names.len())
    }
}

#[timeout(ms = 400)]
#[circuit_breaker(window = Duration::from_secs(10), when_ok = |status: &u16| *status == 503)]
async fn status(url: &str) -> std::io::Result<u16> {
    Ok(u16::try_from(url.len()).unwrap_or(u16::MAX))
}

#[timeout(after = BUDGET)]
#[retry(attempts = ATTEMPTS, repeatable = "a read")]
#[bulkhead(max = PLACES, queue = 2 * PLACES, max_wait = "100ms")]
#[bulkhead(max = PLACES / 2)]
async fn scan(page: &str) -> std::io::Result<usize> {
    Ok(page.len())
}

#[bulkhead(max = 100_000, queue = 100_000, max_wait = BUDGET)]
#[timeout(after = BUDGET)]
async fn wide(page: String) -> Result<usize, resilience::Error> {
    Ok(page.len())
}

#[derive(Debug, Clone, Copy)]
struct Price {
    cents: u64,
}

async fn listed(_: resilience::Error) -> Price {
    Price { cents: 0 }
}

#[fallback(async listed)]
#[timeout(after = BUDGET)]
#[retry(attempts = ATTEMPTS, repeatable = "a read")]
async fn price(item: &str) -> Price {
    Price { cents: item.len() as u64 }
}

#[fallback(|error| match error { PayError::Busy { .. } => Ok(0), error => Err(error) })]
#[timeout(after = BUDGET)]
#[retry(attempts = ATTEMPTS, repeatable = "a read")]
#[fallback(async |_| Ok(name.len()), when = |error| matches!(error, PayError::Unreachable))]
#[timeout(ms = 400)]
async fn length(mut name: String) -> Result<usize, PayError> {
    name.push('.');
    Ok(name.len())
}

#[policies(allow(hidden_failure = "the ledger is to keep the preset"))]
#[idempotent(key = order)]
#[fallback(|_| Ok(0))]
async fn preset(order: u64) -> Result<u64, resilience::Error> {
    Ok(order)
}

fn main() {
    drop(price("tea"));
    drop(length(String::new()));
    drop(preset(7));
    let gateway = Arc::new(Gateway { limit: 100 });
    drop(gateway.charge(7, 10));
    drop(Arc::clone(&gateway).load(Vec::new()));
    drop(status("http://localhost"));
}
