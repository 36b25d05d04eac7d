//! Picks under real threads: nothing is left behind, whatever becomes of the calls.

use std::sync::Arc;
use std::time::Duration;

use resilience::{CircuitBreaker, Failure, Replicas, hedge, retry};
use tokio::task::{JoinSet, yield_now};

#[derive(Debug, thiserror::Error, Failure)]
enum Fault {
    #[error("down")]
    #[failure(transient)]
    Down,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

#[retry(attempts = 3, backoff = none, repeatable)]
#[hedge(after = "1ms", max = 2, repeatable)]
async fn call(first: &Replicas<u32>, second: &Replicas<u32>) -> Result<u32, Fault> {
    let one = first.pick()?;
    for _ in 0..fastrand::u32(0..20) {
        yield_now().await;
    }
    match fastrand::u32(0..10) {
        // Without the message.
        0 => std::panic::resume_unwind(Box::new("on purpose")),
        1..4 => Err(Fault::Down),
        _ => {
            second
                .run(async |two| {
                    yield_now().await;
                    Ok(one + two)
                })
                .await
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_is_left_behind() {
    let breaker = || CircuitBreaker::new("threads").consecutive(2).open_for(Duration::from_micros(50));
    let sets = Arc::new([0, 1].map(|_| Replicas::new(breaker(), 0..5).expect("not too many")));
    let mut calls = JoinSet::new();
    for _ in 0..2_000 {
        let sets = Arc::clone(&sets);
        let handle = calls.spawn(async move { call(&sets[0], &sets[1]).await });
        if fastrand::u32(0..4) == 0 {
            handle.abort();
        }
    }
    let mut succeeded = 0;
    while let Some(ended) = calls.join_next().await {
        succeeded += u32::from(matches!(ended, Ok(Ok(_))));
    }
    assert!(succeeded > 0);
    for set in &*sets {
        assert_eq!(set.gauges(), resilience::Gauges::default());
    }
}
