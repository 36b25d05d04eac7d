//! What must build, without a word.
#![deny(warnings)]

use std::sync::Arc;
use std::time::Duration;

use resilience::{
    Failure, RetryBudget, bulkhead, circuit_breaker, exclusive, fallback, hedge, idempotent, policies, rate_limit, retry, timeout,
};

const BUDGET: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 4;
const PLACES: u32 = 16;
const DELAY: Duration = Duration::from_millis(20);
const EXTRA: u32 = 2;

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

static HEDGES: RetryBudget = RetryBudget::new().share(0.05);

#[idempotent(key = (order, "book"), ttl = "1h")]
#[timeout(after = BUDGET)]
#[hedge(after = p95, initial = DELAY, max = EXTRA, budget = HEDGES)]
#[retry(attempts = ATTEMPTS)]
#[circuit_breaker(failure_rate = 0.5)]
#[timeout(ms = 400)]
async fn book(order: u64, names: Vec<String>) -> Result<u64, PayError> {
    Ok(order + names.len() as u64)
}

#[hedge(after = DELAY, repeatable = "a read")]
#[hedge(after = "2ms", max = 10, repeatable)]
async fn lookup(name: Arc<str>) -> Result<usize, std::rc::Rc<str>> {
    if name.is_empty() { Err("empty".into()) } else { Ok(name.len()) }
}

#[bulkhead(max = 100_000, queue = 100_000, max_wait = BUDGET)]
#[timeout(after = BUDGET)]
async fn wide(page: String) -> Result<usize, resilience::Error> {
    Ok(page.len())
}

#[timeout(after = BUDGET)]
#[rate_limit(permits = 10 * PLACES, per = "1m", burst = PLACES, weight = PLACES, max_wait = "100ms")]
#[rate_limit(permits = 1_000_000_000, per = "24h", weight = u32::try_from(pages.len()).unwrap_or(u32::MAX))]
#[retry(attempts = ATTEMPTS, repeatable = "a read")]
#[rate_limit(permits = 100, weight = *weight)]
#[rate_limit(permits = 9, per = "1s", burst = 9, weight = 1, max_wait = "1ms", key = pages.len(), max_keys = 9, fleet = open)]
#[rate_limit(permits = 100, fleet)]
async fn paced(pages: Vec<String>, weight: &u32) -> std::io::Result<usize> {
    Ok(pages.len())
}

trait Priced {
    const COST: u32;

    #[rate_limit(permits = 100, weight = Self::COST, key = Self::COST)]
    async fn buy(&self) -> std::io::Result<u32> {
        Ok(Self::COST)
    }
}

#[rate_limit(permits = 100, weight = T::COST)]
async fn sell<T: Priced>(thing: T) -> std::io::Result<u32> {
    drop(thing);
    Ok(T::COST)
}

struct Book;

impl Priced for Book {
    const COST: u32 = 7;
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

#[exclusive]
#[fallback(|_| Ok(0), when = |error| matches!(error, PayError::Unreachable))]
async fn nightly() -> Result<u64, PayError> {
    Ok(1)
}

#[fallback(|_| 0)]
#[exclusive(key = name)]
async fn rank(name: &str) -> usize {
    name.len()
}

#[retry(attempts = ATTEMPTS, repeatable = "it starts where it stopped")]
#[exclusive(key = (region, day), lease = BUDGET, otherwise = wait)]
#[idempotent(key = day, scope = _)]
#[timeout(ms = 400)]
async fn settle<'a, T: resilience::Key>(mut region: String, day: &'a T) -> Result<usize, PayError> {
    region.push('.');
    let _ = day;
    Ok(region.len())
}

fn main() {
    drop(nightly());
    drop(rank("tea"));
    drop(settle(String::new(), &7));
    drop(price("tea"));
    drop(length(String::new()));
    drop(preset(7));
    drop(paced(Vec::new(), &1));
    drop(Book.buy());
    drop(sell(Book));
    let gateway = Arc::new(Gateway { limit: 100 });
    drop(gateway.charge(7, 10));
    drop(Arc::clone(&gateway).load(Vec::new()));
    drop(status("http://localhost"));
}
