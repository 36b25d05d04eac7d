//! What a task takes along from the call that spawned it, and what it hands back.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;

use resilience::{Runtime, context, idempotent, retry, spawn, timeout};
use support::{Fault, Reply, Service, Transient, pass};

#[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
async fn innermost(service: &Service) -> Reply {
    service.call().await
}

/// Waits for its task.
#[timeout(ms = 9_000)]
async fn in_a_task(service: &Arc<Service>) -> Reply {
    let service = Arc::clone(service);
    spawn(async move { innermost(&service).await }).await.expect("no panic")
}

#[tokio::test(start_paused = true)]
async fn retries_across_tasks_do_not_multiply() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn outer(service: &Arc<Service>) -> Reply {
        in_a_task(service).await
    }
    #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable, nested = repeat)]
    async fn multiplied(service: &Arc<Service>) -> Reply {
        in_a_task(service).await
    }
    let service = Arc::new(Service::new([Transient]));
    assert_eq!(outer(&service).await, Err(Fault::Transient(3)));
    let service = Arc::new(Service::new([Transient]));
    assert_eq!(multiplied(&service).await, Err(Fault::Transient(6)));
}

/// Three layers, three tasks deep.
#[tokio::test(start_paused = true)]
async fn nor_do_they_across_tasks_of_tasks() {
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn outer(service: &Arc<Service>) -> Reply {
        let service = Arc::clone(service);
        spawn(async move { middle(&service).await }).await.expect("no panic")
    }
    #[retry(attempts = 3, backoff = fixed("50ms"), jitter = none, repeatable)]
    async fn middle(service: &Arc<Service>) -> Reply {
        let service = Arc::clone(service);
        spawn(async move { spawn(async move { in_a_task(&service).await }).await.expect("no panic") })
            .await
            .expect("no panic")
    }
    let service = Arc::new(Service::new([Transient]));
    assert_eq!(outer(&service).await, Err(Fault::Transient(3)));
}

/// A task that gives up late says so to an attempt that is over.
#[tokio::test(start_paused = true)]
async fn a_task_that_outlives_its_attempt_stops_no_later_one() {
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    async fn outer(service: &Service, slow: &Arc<Service>) -> Reply {
        let slow = Arc::clone(slow);
        drop(spawn(async move { innermost(&slow).await }));
        pass(15).await;
        service.call().await
    }
    // Its retries take 20 ms: those of an attempt end while the next one runs.
    let (service, slow) = (Service::new([Transient]), Arc::new(Service::new([Transient])));
    assert_eq!(outer(&service, &slow).await, Err(Fault::Transient(3)));
}

#[tokio::test(start_paused = true)]
async fn a_task_has_the_key_and_the_fence() {
    #[idempotent(key = order)]
    async fn call(order: u64) -> Result<bool, resilience::Error> {
        let here = (context::idempotency_key(), context::fencing_token());
        let there = spawn(async { (context::idempotency_key(), context::fencing_token()) });
        let tokios = tokio::spawn(async { context::idempotency_key() });
        assert!(here.0.is_some() && tokios.await.expect("no panic").is_none());
        Ok(there.await.expect("no panic") == here)
    }
    assert_eq!(Runtime::builder().memory().build().scope(call(7)).await, Ok(true));
    assert_eq!(context::idempotency_key(), None);
}

#[tokio::test(start_paused = true)]
async fn outside_of_a_call_it_is_tokios() {
    let service = Arc::new(Service::new([Transient]));
    assert_eq!(
        spawn(async move { innermost(&service).await }).await.expect("no panic"),
        Err(Fault::Transient(3))
    );
    assert!(spawn(async { context::deadline() }).await.expect("no panic").is_none());
    let panicked: Result<(), _> = spawn(async { panic!("on purpose") }).await;
    assert!(panicked.is_err());
}
