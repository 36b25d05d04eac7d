//! Picks in calls further inside.

use std::sync::Arc;

use resilience::{Replicas, hedge, retry, timeout};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::support::{Fault, Good, Hang, Reply, Service, Transient, dropped_after, timed};
use super::{executions, ms, nodes, nothing_is_held, retried, states, touchy};

#[timeout(ms = 100)]
async fn timed_only(nodes: &Replicas<Service>) -> Reply {
    nodes.pick()?.call().await
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn around(nodes: &Replicas<Service>) -> Reply {
    timed_only(nodes).await
}

#[tokio::test(start_paused = true)]
async fn without_a_retry_of_its_own_it_is_the_pick_of_the_attempt_around() {
    let dead = nodes(touchy(), [Transient, Good]);
    assert_eq!(around(&dead).await, Ok(1));
    assert_eq!((states(&dead), executions(&dead)), ("oc".to_owned(), vec![1, 1]));
    nothing_is_held(&dead);
    assert!(dropped_after(10, around(&nodes(touchy(), [Hang]))).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn the_member_of_an_inner_call_that_is_cut_has_the_outcome_of_the_attempt() {
    // By a timeout of its own, whose rejection the attempt returns.
    let silent = nodes(touchy(), [Hang, Good]);
    assert_eq!(timed(around(&silent)).await, (Ok(1), 100));
    assert_eq!(states(&silent), "oc");
    // By the body of the attempt, which then fails or succeeds.
    #[retry(attempts = 1, repeatable)]
    #[allow(clippy::items_after_statements, reason = "beside what it is for")]
    async fn cuts(nodes: &Replicas<Service>, fails: bool) -> Reply {
        assert!(dropped_after(10, timed_only(nodes)).await.is_none());
        sleep(ms(10)).await;
        if fails { Err(Fault::Transient(0)) } else { Ok(0) }
    }
    for (fails, state) in [(true, "o"), (false, "c")] {
        let cut = nodes(touchy(), [Hang]);
        assert_eq!(cuts(&cut, fails).await.is_err(), fails);
        assert_eq!(states(&cut), state);
        nothing_is_held(&cut);
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_of_its_own_has_picks_of_its_own() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(nodes: &Replicas<Service>, others: &Replicas<Service>) -> Reply {
        let node = nodes.pick()?;
        sleep(ms(1)).await;
        let _ = retried(others).await;
        let _ = retried(nodes).await;
        node.call().await
    }
    let (same, others) = (nodes(touchy(), [Good, Transient]), nodes(touchy(), [Transient, Good]));
    assert_eq!(outer(&same, &others).await, Ok(2));
    assert_eq!((states(&same), states(&others)), ("co".to_owned(), "oc".to_owned()));
    assert_eq!((executions(&same), executions(&others)), (vec![2, 1], vec![1, 1]));
    nothing_is_held(&same);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_of_its_own_too_and_the_attempt_around_keeps_its_pick_at_every_poll() {
    #[hedge(after = "50ms", repeatable)]
    async fn inner(nodes: &Replicas<Service>) -> Reply {
        sleep(ms(60)).await;
        nodes.pick()?.call().await
    }
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn outer(nodes: &Replicas<Service>, others: &Replicas<Service>) -> Reply {
        let node = nodes.pick()?;
        let (one, other) = tokio::join!(inner(others), async {
            sleep(ms(30)).await;
            node.call().await
        });
        one.and(other)
    }
    let (outside, inside) = (nodes(touchy(), [Transient, Good]), nodes(touchy(), [Good, Good]));
    assert_eq!(timed(outer(&outside, &inside)).await, (Ok(1), 120));
    assert_eq!((states(&outside), states(&inside)), ("oc".to_owned(), "cc".to_owned()));
    nothing_is_held(&outside);
    nothing_is_held(&inside);
}

#[tokio::test(start_paused = true)]
async fn calls_side_by_side_in_one_thread_do_not_mix() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn slow(nodes: Arc<Replicas<Service>>) -> Reply {
        let node = nodes.pick()?;
        sleep(ms(10)).await;
        node.call().await
    }
    let nodes = Arc::new(nodes(touchy().consecutive(3), [Transient, Good, Good]));
    let all: JoinSet<_> = (0..30).map(|_| slow(Arc::clone(&nodes))).collect();
    assert!(all.join_all().await.iter().all(Result::is_ok));
    assert_eq!(states(&nodes), "occ");
    assert_eq!(executions(&nodes)[0], 10, "let in before its breaker opened");
    nothing_is_held(&nodes);
}
