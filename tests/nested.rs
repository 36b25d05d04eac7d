//! Three layers that each make three attempts: 3 runs of the innermost, not 27.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{fallback, retry, spawn};
use support::{Fault, Good, Permanent, Reply, Service, Step, Throttled, Transient, events};

/// How one layer calls the next.
#[derive(Clone, Copy)]
enum Over {
    Plain,
    Spawn,
    TokioSpawn,
}

use Over::{Plain, Spawn, TokioSpawn};

/// Runs the next layer.
async fn over(how: Over, next: impl Future<Output = Reply> + Send + 'static) -> Reply {
    match how {
        Plain => next.await,
        Spawn => spawn(next).await.expect("no panic"),
        TokioSpawn => tokio::spawn(next).await.expect("no panic"),
    }
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn inner(service: Arc<Service>) -> Reply {
    service.call().await
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn middle(service: Arc<Service>, how: Over) -> Reply {
    over(how, inner(service)).await
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn outer(service: Arc<Service>, to_middle: Over, to_inner: Over) -> Reply {
    over(to_middle, middle(service, to_inner)).await
}

/// The same, where the two outer ones insist.
#[retry(attempts = 3, backoff = none, repeatable, nested = repeat)]
async fn insistent_middle(service: Arc<Service>, how: Over) -> Reply {
    over(how, inner(service)).await
}

#[retry(attempts = 3, backoff = none, repeatable, nested = repeat)]
async fn insistent_outer(service: Arc<Service>, to_middle: Over, to_inner: Over) -> Reply {
    over(to_middle, insistent_middle(service, to_inner)).await
}

fn service(script: impl Into<std::collections::VecDeque<Step>>) -> Arc<Service> {
    Arc::new(Service::new(script))
}

/// The table of `docs/policies/retry.md`.
#[tokio::test(start_paused = true)]
async fn a_failing_body_runs_so_often() {
    for (to_middle, to_inner, runs) in [
        (Plain, Plain, 3),
        (Plain, Spawn, 3),
        (Spawn, Plain, 3),
        (Spawn, Spawn, 3),
        // A task of tokio's forgets where it came from.
        (Plain, TokioSpawn, 9),
        (TokioSpawn, Plain, 9),
        (Spawn, TokioSpawn, 9),
        (TokioSpawn, TokioSpawn, 27),
    ] {
        for step in [Transient, Throttled(0)] {
            let service = service([step]);
            assert!(outer(Arc::clone(&service), to_middle, to_inner).await.is_err());
            assert_eq!(service.executions(), runs);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_insists_repeats() {
    for (to_middle, to_inner) in [(Plain, Plain), (Spawn, Spawn), (TokioSpawn, TokioSpawn)] {
        let service = service([Transient]);
        let reply = insistent_outer(Arc::clone(&service), to_middle, to_inner).await;
        assert_eq!(reply, Err(Fault::Transient(27)));
    }
}

/// Only the outermost insists: the middle one leaves it to the innermost.
#[tokio::test(start_paused = true)]
async fn who_insists_repeats_for_itself_alone() {
    #[retry(attempts = 3, backoff = none, repeatable, nested = repeat)]
    async fn insistent(service: Arc<Service>, how: Over) -> Reply {
        over(how, middle(service, how)).await
    }
    for how in [Plain, Spawn] {
        assert_eq!(insistent(service([Transient]), how).await, Err(Fault::Transient(9)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_outer_ones_own_is_repeated() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn busy(service: Arc<Service>, rounds: &AtomicU32, how: Over) -> Reply {
        over(how, middle(service, how)).await?;
        Err(Fault::Transient(rounds.fetch_add(1, Ordering::SeqCst) + 1))
    }
    for how in [Plain, Spawn] {
        // Every round has trouble that the innermost gets over.
        let script = [Transient, Good, Transient, Transient, Good, Good];
        let (service, rounds) = (service(script), AtomicU32::new(0));
        assert_eq!(busy(Arc::clone(&service), &rounds, how).await, Err(Fault::Transient(3)));
        assert_eq!(service.executions(), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_repeated_at_all_runs_once() {
    for how in [Plain, Spawn] {
        assert_eq!(outer(service([Permanent]), how, how).await, Err(Fault::Permanent(1)));
    }
}

#[tokio::test(start_paused = true)]
async fn each_retry_that_leaves_it_names_the_one_that_gave_up() {
    for how in [Plain, Spawn] {
        events::record();
        assert!(outer(service([Transient]), how, how).await.is_err());
        assert_eq!(events::stopped(), ["inner", "middle because of inner", "outer because of inner"]);
    }
    events::record();
    assert!(insistent_outer(service([Transient]), Spawn, Plain).await.is_err());
    let stopped = events::stopped();
    assert_eq!(stopped.last().map(String::as_str), Some("insistent_outer"));
    assert!(!stopped.iter().any(|line| line.contains("because")), "{stopped:?}");
}

/// A fallback that answers has mended the failure: a later one of the caller's own is repeated. One that fails has not.
#[tokio::test(start_paused = true)]
async fn a_fallback_around_the_inner_one() {
    #[fallback(|_| Ok(1))]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn answers(service: &Service) -> Reply {
        service.call().await
    }
    #[fallback(Err)]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn fails(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn above_answers(service: &Service) -> Reply {
        answers(service).await?;
        Err(Fault::Transient(0))
    }
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn above_fails(service: &Service) -> Reply {
        fails(service).await
    }
    let bad = Service::new([Transient]);
    assert_eq!((above_answers(&bad).await, bad.executions()), (Err(Fault::Transient(0)), 6));
    let bad = Service::new([Transient]);
    assert_eq!((above_fails(&bad).await, bad.executions()), (Err(Fault::Transient(2)), 2));
}
