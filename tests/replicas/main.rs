//! What `Replicas` does, in paused time.
#![allow(missing_docs)]

#[path = "../support/mod.rs"]
mod support;

mod chosen;
mod ended;
mod hedged;
mod nested;
mod run;
mod threads;

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use resilience::{CircuitBreaker, Gauges, Replicas, State, retry};
use support::{Reply, Service, Step};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Opens at the first failure, and closes by the first probe that succeeds.
fn touchy() -> CircuitBreaker {
    CircuitBreaker::new("search").consecutive(1).probes(1).open_for(ms(1_000))
}

/// A node for each step, which it repeats.
fn nodes<const N: usize>(breaker: CircuitBreaker, steps: [Step; N]) -> Replicas<Service> {
    Replicas::new(breaker, steps.map(|step| Service::new([step]))).expect("not too many")
}

fn executions(nodes: &Replicas<Service>) -> Vec<u32> {
    nodes.targets().iter().map(Service::executions).collect()
}

/// A letter for each node: closed, open, half open.
fn states(nodes: &Replicas<Service>) -> String {
    let letter = |state| match state {
        State::Closed => 'c',
        State::Open => 'o',
        _ => 'h',
    };
    nodes.states().map(letter).collect()
}

/// Opens the breaker of each node that fails now, without a retry in between.
async fn each_once(nodes: &Replicas<Service>) {
    for _ in nodes.targets() {
        let _ = nodes.run(async |node| node.call().await).await;
    }
}

#[track_caller]
fn nothing_is_held(nodes: &Replicas<Service>) {
    assert_eq!(nodes.gauges(), Gauges::default());
    assert!(nodes.targets().iter().all(|node| node.running() == 0));
}

/// What a future gives, if it does not panic.
async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn retried(nodes: &Replicas<Service>) -> Reply {
    nodes.pick()?.call().await
}
