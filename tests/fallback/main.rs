//! `#[fallback]`: what it answers, what it sees, and how the answer is marked.
#![allow(missing_docs)]

mod arguments;
mod asynchronous;
mod bare;
mod its_own_failure;
mod marks;
mod places;
#[path = "../support/mod.rs"]
mod support;
mod with_when;

use resilience::{Kind, circuit_breaker, fallback, retry, timeout};
use support::{Fault, Good, Hang, Permanent, Reply, Service, Transient, after, kind, timed};

fn count(name: &str) -> u32 {
    u32::try_from(name.len()).expect("a short name")
}

/// What a fallback was asked with, in a word, and its answer.
#[allow(clippy::unnecessary_wraps, reason = "a fallback gives what its function gives")]
fn told(error: &Fault) -> Reply {
    match error {
        Fault::Transient(execution) => Ok(100 + execution),
        Fault::Permanent(execution) => Ok(200 + execution),
        Fault::Throttled { .. } => Ok(300),
        Fault::Policy(rejection) => Ok(400 + rejection.attempts()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_value_passes_and_an_error_is_answered() {
    #[fallback(|error| told(&error))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, Transient, Permanent, Good]);
    for expected in [1, 102, 203, 4] {
        assert_eq!(call(&service).await, Ok(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn it_answers_the_rejections_of_policies_below() {
    #[fallback(|error| told(&error))]
    #[circuit_breaker(consecutive = 1)]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(timed(call(&service)).await, (Ok(401), 500));
    assert_eq!(timed(call(&service)).await, (Ok(400), 0), "the breaker is open");
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_see_what_is_above() {
    #[timeout(ms = 500)]
    #[fallback(|error| told(&error))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(kind(call(&Service::new([Hang])).await), Kind::Timeout);
    assert_eq!(call(&Service::new([after(499, Transient)])).await, Ok(101));
}

#[tokio::test(start_paused = true)]
async fn it_follows_the_last_attempt() {
    #[fallback(|error| told(&error))]
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(timed(call(&Service::new([Transient]))).await, (Ok(103), 200));
    assert_eq!(timed(call(&Service::new([Transient, Good]))).await, (Ok(2), 100));
    assert_eq!(timed(call(&Service::new([Permanent]))).await, (Ok(201), 0));
}
