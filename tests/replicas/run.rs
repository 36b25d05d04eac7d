//! `Replicas::run`.

use resilience::{Kind, Replicas, retry};

use super::support::{Good, Hang, Panic, Permanent, Reply, Service, Transient, dropped_after, kind, pass};
use super::{caught, each_once, executions, nodes, nothing_is_held, states, touchy};

async fn call(nodes: &Replicas<Service>) -> Reply {
    nodes.run(async |node| node.call().await).await
}

#[tokio::test(start_paused = true)]
async fn it_records_and_does_not_repeat() {
    let nodes = nodes(touchy(), [Good, Transient, Permanent, Hang, Panic]);
    for ok in [true, false, false] {
        assert_eq!(call(&nodes).await.is_ok(), ok);
    }
    assert!(dropped_after(10, call(&nodes)).await.is_none());
    assert!(caught(call(&nodes)).await.is_none());
    assert_eq!((states(&nodes), executions(&nodes)), ("cocco".to_owned(), vec![1; 5]));
    nothing_is_held(&nodes);
}

#[tokio::test(start_paused = true)]
async fn all_open_it_rejects_until_a_probe_is_due() {
    let nodes = nodes(touchy(), [Transient, Transient]);
    each_once(&nodes).await;
    assert_eq!(kind(call(&nodes).await), Kind::CircuitOpen);
    pass(1_000).await;
    nodes.targets().iter().for_each(|node| node.now([Good]));
    each_once(&nodes).await;
    assert_eq!((states(&nodes), executions(&nodes)), ("cc".to_owned(), vec![2, 2]));
}

#[tokio::test(start_paused = true)]
async fn in_an_attempt_it_goes_on_to_another_one() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn repeats(nodes: &Replicas<Service>) -> Reply {
        let reply = call(nodes).await;
        // Somebody else comes in between: it is the first one's turn again.
        std::thread::scope(|scope| scope.spawn(|| nodes.pick().is_ok()).join().expect("no panic"));
        reply
    }
    let nodes = nodes(touchy().consecutive(2), [Transient, Good]);
    assert_eq!(repeats(&nodes).await, Ok(1));
    assert_eq!((states(&nodes), executions(&nodes)), ("cc".to_owned(), vec![1, 1]));
    nothing_is_held(&nodes);
}

#[tokio::test]
async fn its_future_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let nodes = nodes(touchy(), [Good]);
    let captured = String::from("captured");
    let long = &captured;
    let body = async |node: &Service| {
        tokio::task::yield_now().await;
        assert_eq!(long, "captured");
        node.call().await
    };
    assert_eq!(is_send(nodes.run(body)).await, Ok(1));
    assert_eq!(is_send(super::retried(&nodes)).await, Ok(2));
    assert_eq!(is_send(call(&nodes)).await, Ok(3));
}
