//! What is recorded on the member that an attempt has picked.

use std::sync::Arc;

use resilience::{Pool, Replicas, Retry, bulkhead, retry, spawn, timeout};

use super::support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Throttled, Transient, dropped_after, pass,
    poll_times, timed, word,
};
use super::{caught, each_once, executions, nodes, nothing_is_held, retried, states, touchy};

/// A set whose only node is due for a probe, and does this.
async fn due(step: super::Step) -> Replicas<Service> {
    let nodes = nodes(touchy(), [Transient]);
    each_once(&nodes).await;
    assert_eq!(states(&nodes), "o");
    nodes.targets()[0].now([step]);
    pass(1_000).await;
    nodes
}

#[tokio::test(start_paused = true)]
async fn by_the_class_of_the_attempt() {
    for (step, state, after_a_probe) in [
        (Good, "c", "c"),
        (Transient, "o", "o"),
        (Permanent, "c", "c"),
        (Throttled(10), "c", "h"),
        (Hang, "o", "o"),
    ] {
        #[retry(attempts = 1, repeatable)]
        #[timeout(ms = 100)]
        async fn once(nodes: &Replicas<Service>) -> Reply {
            nodes.pick()?.call().await
        }
        let fresh = nodes(touchy(), [step.clone()]);
        let _ = once(&fresh).await;
        assert_eq!(states(&fresh), state, "{step:?}");
        nothing_is_held(&fresh);
        let probed = due(step.clone()).await;
        let _ = once(&probed).await;
        assert_eq!(states(&probed), after_a_probe, "{step:?} of a probe");
        nothing_is_held(&probed);
    }
}

#[tokio::test(start_paused = true)]
async fn by_the_conditions_of_the_retry() {
    #[retry(attempts = 2, backoff = none, repeatable, when = |error| matches!(error, Fault::Permanent(_)), when_ok = |n| *n == 1)]
    async fn odd(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let permanent = nodes(touchy(), [Permanent, Transient]);
    assert_eq!(odd(&permanent).await, Err(Fault::Transient(1)));
    assert_eq!(states(&permanent), "oc");
    let good = nodes(touchy(), [Good]);
    good.targets()[0].now([Good]);
    assert_eq!(word(&odd(&good).await), "CircuitOpen 0", "the value 1 is a failure");
    assert_eq!(states(&good), "o");
}

#[tokio::test(start_paused = true)]
async fn by_a_retry_without_a_function() {
    static READS: Retry = Retry::new("reads", "it only reads");
    let nodes = nodes(touchy(), [Transient, Good]);
    assert_eq!(READS.run(async || nodes.pick()?.call().await).await, Ok(1));
    assert_eq!((states(&nodes), executions(&nodes)), ("oc".to_owned(), vec![1, 1]));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_below_is_a_failure_of_the_member() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[timeout(ms = 100)]
    async fn each(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let nodes = nodes(touchy(), [Hang, Good]);
    assert_eq!(timed(each(&nodes)).await, (Ok(1), 100));
    assert_eq!(states(&nodes), "oc");
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_and_a_drop_say_nothing() {
    #[timeout(ms = 100)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn whole(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let cut = nodes(touchy(), [Hang]);
    assert_eq!(word(&whole(&cut).await), "Timeout 1");
    assert!(dropped_after(10, retried(&cut)).await.is_none());
    assert_eq!(states(&cut), "c");
    let probed = due(Hang).await;
    assert_eq!(word(&whole(&probed).await), "Timeout 1");
    nothing_is_held(&probed);
    let mut call = Box::pin(retried(&probed));
    assert!(poll_times(&mut call, 2).is_none());
    assert_eq!(probed.gauges().probes, 1);
    drop(call);
    nothing_is_held(&probed);
    assert_eq!(states(&probed), "h");
}

#[tokio::test(start_paused = true)]
async fn a_panic_has_failed() {
    let nodes = nodes(touchy(), [Panic, Good]);
    assert!(caught(retried(&nodes)).await.is_none());
    assert_eq!(states(&nodes), "oc");
    nothing_is_held(&nodes);
    assert_eq!(retried(&nodes).await, Ok(1));
    let probed = due(Panic).await;
    assert!(caught(retried(&probed)).await.is_none());
    assert_eq!(states(&probed), "o");
    nothing_is_held(&probed);
}

#[tokio::test(start_paused = true)]
async fn a_panic_that_the_body_catches_is_its_own_affair() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn catches(nodes: &Replicas<Service>) -> Reply {
        #[timeout(ms = 100)]
        async fn inner(node: &Service) -> Reply {
            node.call().await
        }
        let node = nodes.pick()?;
        caught(inner(node)).await.unwrap_or(Ok(7))
    }
    let nodes = nodes(touchy(), [Panic]);
    assert_eq!(catches(&nodes).await, Ok(7));
    assert_eq!(states(&nodes), "c");
}

#[tokio::test(start_paused = true)]
async fn a_second_pick_cancels_the_first() {
    #[retry(attempts = 1, repeatable)]
    async fn twice(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await?;
        nodes.pick()?.call().await
    }
    let two = nodes(touchy(), [Good, Transient]);
    assert_eq!(twice(&two).await, Err(Fault::Transient(1)));
    assert_eq!((states(&two), executions(&two)), ("co".to_owned(), vec![1, 1]));
    // The first pick was the only probe: given up, it is there for the second.
    let probed = due(Good).await;
    assert_eq!(twice(&probed).await, Ok(3));
    assert_eq!(states(&probed), "c");
    nothing_is_held(&probed);
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_nobody_records() {
    #[timeout(ms = 100)]
    async fn alone(nodes: &Replicas<Service>) -> Reply {
        nodes.pick()?.call().await
    }
    let dead = nodes(touchy(), [Transient]);
    assert_eq!(alone(&dead).await, Err(Fault::Transient(1)));
    assert_eq!(dead.pick().expect("closed").call().await, Err(Fault::Transient(2)));
    assert_eq!(states(&dead), "c");
    let probed = due(Hang).await;
    assert!(dropped_after(10, alone(&probed)).await.is_none());
    let node = probed.pick().expect("a probe");
    assert_eq!((probed.gauges().probes, node.executions()), (0, 2), "given back at once");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_no_part_of_the_attempt() {
    #[retry(attempts = 1, repeatable)]
    async fn spawns(nodes: Arc<Replicas<Service>>) -> Reply {
        spawn(async move { nodes.pick()?.call().await }).await.expect("no panic")
    }
    let nodes = Arc::new(nodes(touchy(), [Transient]));
    assert_eq!(spawns(Arc::clone(&nodes)).await, Err(Fault::Transient(1)));
    assert_eq!(states(&nodes), "c");
}

#[tokio::test]
async fn nor_is_a_body_on_the_threads_of_a_pool() {
    static POOL: Pool = Pool::new("nodes").threads(1);
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[bulkhead(pool = POOL)]
    async fn elsewhere(nodes: Arc<Replicas<Service>>) -> Reply {
        nodes.pick()?.call().await
    }
    let nodes = Arc::new(nodes(touchy(), [Transient]));
    assert_eq!(elsewhere(Arc::clone(&nodes)).await, Err(Fault::Transient(2)));
    assert_eq!(states(&nodes), "c");
}

#[tokio::test(start_paused = true)]
async fn the_set_may_go_before_the_call_ends() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn brief() -> Reply {
        let nodes = nodes(touchy(), [Transient, Good]);
        nodes.pick()?.call().await
    }
    assert_eq!(brief().await, Err(Fault::Transient(1)));
}
