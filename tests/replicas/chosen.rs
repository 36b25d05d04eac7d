//! Which member a call gets.

use std::cell::RefCell;

use resilience::{CircuitBreaker, Kind, Replicas, ReplicasError, Runtime, retry};

use super::support::{Fault, Good, Permanent, Reply, Service, Transient, events, kind, pass, timed};
use super::{each_once, executions, ms, nodes, nothing_is_held, retried, states, touchy};

#[tokio::test(start_paused = true)]
async fn a_dead_node_is_a_non_event() {
    let nodes = nodes(touchy().consecutive(2), [Good, Transient, Good]);
    for _ in 0..30 {
        let (reply, took) = timed(retried(&nodes)).await;
        assert!(reply.is_ok() && took == 0);
    }
    assert_eq!(states(&nodes), "coc");
    assert_eq!(executions(&nodes)[1], 2, "not asked once its breaker is open");
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn it_comes_back_by_a_probe() {
    let nodes = nodes(touchy(), [Good, Transient]);
    each_once(&nodes).await;
    assert_eq!(states(&nodes), "co");
    pass(1_000).await;
    for _ in 0..4 {
        assert!(retried(&nodes).await.is_ok(), "the call that was the probe has gone on to the other");
    }
    assert_eq!((states(&nodes), executions(&nodes)[1]), ("co".to_owned(), 2));
    nodes.targets()[1].now([Good]);
    pass(1_000).await;
    assert!(retried(&nodes).await.is_ok() && retried(&nodes).await.is_ok());
    assert_eq!(states(&nodes), "cc");
    assert_eq!(executions(&nodes)[1], 3);
}

#[tokio::test(start_paused = true)]
async fn none_is_tried_twice_before_all_have_been() {
    let never = || CircuitBreaker::new("search").consecutive(1_000).min_calls(1_000);
    for _ in 0..5 {
        let nodes = nodes(never(), [Transient, Transient, Transient]);
        assert!(retried(&nodes).await.is_err());
        assert_eq!(executions(&nodes), [1, 1, 1]);
    }
    let nodes = nodes(never(), [Transient, Transient]);
    assert!(retried(&nodes).await.is_err());
    assert_eq!(executions(&nodes).iter().sum::<u32>(), 3, "a healthy one again");
    assert_eq!(executions(&nodes).iter().max(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn nobody_healthy_is_a_rejection_with_the_least_wait() {
    events::record();
    let nodes = nodes(touchy(), [Transient, Transient]);
    assert!(nodes.run(async |node| node.call().await).await.is_err());
    pass(400).await;
    assert!(nodes.run(async |node| node.call().await).await.is_err());
    assert_eq!(states(&nodes), "oo");
    events::take();
    let rejection = retried(&nodes).await.expect_err("all are down").rejection();
    assert_eq!((rejection.kind(), rejection.site()), (Kind::CircuitOpen, "search"));
    assert_eq!((rejection.retry_after(), rejection.may_have_run()), (Some(ms(600)), false));
    assert_eq!(executions(&nodes), [1, 1]);
    let told = ["rejected CircuitOpen", "retry_stopped 1 it does not count as a failure that may pass"];
    assert_eq!(events::take(), told, "one, and not repeated");
}

#[tokio::test(start_paused = true)]
async fn transitions_name_the_member() {
    events::record();
    let nodes = nodes(touchy(), [Good, Good, Transient]);
    each_once(&nodes).await;
    assert_eq!(events::sites(), ["search[2]"]);
}

#[tokio::test(start_paused = true)]
async fn the_load_is_spread() {
    let nodes = nodes(touchy(), [Good, Good, Good, Transient]);
    for _ in 0..400 {
        assert!(retried(&nodes).await.is_ok());
    }
    let got = executions(&nodes);
    assert_eq!(got[3], 1);
    assert!(got[..3].iter().all(|n| (132..=135).contains(n)), "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn from_1_to_64_members() {
    let make = |members: u32| Replicas::new(touchy(), 0..members);
    assert_eq!(make(1).expect("enough").targets(), [0]);
    let all = make(64).expect("not too many");
    assert_eq!((all.targets().len(), all.states().len()), (64, 64));
    assert_eq!(make(0).err(), Some(ReplicasError::Empty { name: "search" }));
    let error = make(65).expect_err("too many");
    assert_eq!(error, ReplicasError::TooMany { name: "search", members: 65 });
    assert_eq!(
        error.to_string(),
        "the replicas `search` have 65 members, and 64 is the most: make several sets"
    );
    assert_eq!(
        make(0).expect_err("too few").to_string(),
        "the replicas `search` have no member: give at least one target"
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_can_try_all_64() {
    #[retry(attempts = 65, backoff = none, repeatable)]
    async fn call(all: &Replicas<usize>, tried: &RefCell<Vec<usize>>) -> Reply {
        let member = *all.pick()?;
        tried.borrow_mut().push(member);
        Err(Fault::Transient(0))
    }
    let all = Replicas::new(CircuitBreaker::new("many").consecutive(2), 0..64).expect("not too many");
    let tried = RefCell::default();
    assert_eq!(call(&all, &tried).await, Err(Fault::Transient(0)));
    let mut tried = tried.into_inner();
    assert_eq!(tried.len(), 65);
    tried.pop();
    tried.sort_unstable();
    assert_eq!(tried, (0..64).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_scope_has_breaker_states_of_its_own() {
    let nodes = nodes(touchy(), [Transient]);
    each_once(&nodes).await;
    assert_eq!(kind(retried(&nodes).await), Kind::CircuitOpen);
    let runtime = Runtime::builder().memory().build();
    let inside = async {
        assert_eq!(states(&nodes), "c");
        nodes.targets()[0].now([Permanent, Good]);
        assert_eq!(retried(&nodes).await, Err(Fault::Permanent(2)));
        assert_eq!(retried(&nodes).await, Ok(3));
        nodes.targets()[0].now([Transient]);
        each_once(&nodes).await;
        assert_eq!(states(&nodes), "o");
    };
    runtime.scope(inside).await;
    assert_eq!((states(&nodes), executions(&nodes)), ("o".to_owned(), vec![4]));
    pass(1_000).await;
    nodes.targets()[0].now([Good]);
    assert_eq!(retried(&nodes).await, Ok(5));
    assert_eq!(states(&nodes), "c");
}

#[tokio::test(start_paused = true)]
async fn two_sets_in_one_attempt() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn copied(from: &Replicas<Service>, to: &Replicas<Service>) -> Reply {
        let (from, to) = (from.pick()?, to.pick()?);
        from.call().await?;
        to.call().await
    }
    let (from, to) = (nodes(touchy(), [Good, Good, Good]), nodes(touchy(), [Transient, Good]));
    assert_eq!(copied(&from, &to).await, Ok(1));
    assert_eq!((executions(&from), executions(&to)), (vec![1, 1, 0], vec![1, 1]));
    assert_eq!(
        (states(&from), states(&to)),
        ("occ".to_owned(), "oc".to_owned()),
        "the attempt counts for both"
    );
    drop(from);
    assert_eq!(copied(&to, &to).await, Ok(3), "one set twice is a second pick");
    nothing_is_held(&to);
}
