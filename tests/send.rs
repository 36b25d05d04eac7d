//! A future is `Send` where the body's is: the result need not be, since none is held while anything waits.
#![allow(missing_docs)]

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use resilience::{
    Bulkhead, CircuitBreaker, Class, Error, Failure, Hedge, RateLimit, Retry, Timeout, bulkhead,
    circuit_breaker, fallback, hedge, rate_limit, retry, timeout,
};

/// Neither `Send` nor `Clone`.
#[derive(Debug)]
struct Local(#[allow(dead_code, reason = "is only held")] Option<Rc<Error>>);

impl From<Error> for Local {
    fn from(error: Error) -> Self {
        Self(Some(Rc::new(error)))
    }
}

impl Failure for Local {
    fn class(&self) -> Class {
        Class::Transient
    }
}

type Reply = Result<Rc<u32>, Local>;

async fn reply() -> Reply {
    tokio::task::yield_now().await;
    Err(Local(None))
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

#[retry(attempts = 2, backoff = none, repeatable)]
async fn retried() -> Reply {
    reply().await
}

#[fallback(|_| Ok(Rc::new(7)), when = |error| error.0.is_none())]
#[retry(attempts = 2, when = |error| error.0.is_some(), when_ok = |value| **value == 0, repeatable)]
#[fallback(Err, when = |error| error.0.is_none())]
#[circuit_breaker]
#[bulkhead(max = 4, queue = 4)]
#[rate_limit(permits = 100, max_wait = "1s")]
#[retry(attempts = 2, backoff = fixed("1ms"), repeatable)]
#[hedge(after = "1ms", repeatable)]
#[timeout(ms = 50)]
async fn everything() -> Reply {
    reply().await
}

/// An argument that is `Send` and not `Sync` is cloned for each attempt, and no attempt borrows it.
#[timeout(ms = 50)]
#[hedge(after = "1ms", repeatable)]
async fn hedged(seen: Cell<u32>) -> Result<u32, Error> {
    tokio::task::yield_now().await;
    Ok(seen.get())
}

#[tokio::test(start_paused = true)]
async fn an_argument_need_not_be_shared() {
    assert_eq!(is_send(hedged(Cell::new(7))).await, Ok(7));
}

#[tokio::test(start_paused = true)]
async fn a_function_with_policies() {
    assert!(is_send(retried()).await.is_err());
    assert_eq!(is_send(everything()).await.map(|value| *value).ok(), Some(7));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_runs_code() {
    static TIMEOUT: Timeout = Timeout::new("send", Duration::from_secs(1));
    static RETRY: Retry = Retry::new("send", "it only reads");
    static HEDGE: Hedge = Hedge::new("send", "it only reads");
    static BREAKER: CircuitBreaker = CircuitBreaker::new("send");
    static ROOM: Bulkhead = Bulkhead::new("send", 1).queue(1);
    static LIMIT: RateLimit = RateLimit::new("send", 1).max_wait(Duration::from_secs(1));
    assert!(is_send(TIMEOUT.run(reply)).await.is_err());
    assert!(is_send(RETRY.run(reply)).await.is_err());
    assert!(is_send(HEDGE.run(reply)).await.is_err());
    assert!(is_send(BREAKER.run(reply)).await.is_err());
    assert!(is_send(ROOM.run(reply)).await.is_err());
    assert!(is_send(LIMIT.run(reply)).await.is_err());
}
