//! Calls at random: bodies of all lengths, callers who leave, many on one key.

use std::time::{Duration, Instant};

use fastrand::Rng;
use tokio::task::JoinSet;

use crate::book::Book;
use crate::work::{Body, Called, Guarantee, LEASE, call};

/// No call takes longer, whatever happens to the server: it waits for another call, or twice for the server.
const LONGEST: Duration = Duration::from_secs(20);

/// The odd keys are `at_most_once`.
fn guarantee(key: u64) -> Guarantee {
    if key.is_multiple_of(2) { Guarantee::Dedup } else { Guarantee::AtMostOnce }
}

pub(crate) async fn run(seed: u64, seconds: u64, tasks: u64, keys: u64) {
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut running = JoinSet::new();
    for task in 0..tasks {
        running.spawn(async move {
            let mut rng = Rng::with_seed(seed ^ task << 32);
            while Instant::now() < end {
                step(&mut rng, keys).await;
            }
        });
    }
    running.join_all().await;
}

async fn step(rng: &mut Rng, keys: u64) {
    // Half of the calls meet on few keys.
    let key = if rng.bool() { rng.u64(..keys.min(8)) } else { rng.u64(..keys) };
    let body = match rng.u32(..20) {
        0 => Body::Takes(LEASE * 2, Duration::ZERO),
        1 => Body::Takes(Duration::ZERO, LEASE * 2),
        _ => Body::Takes(Duration::from_millis(rng.u64(..10)), Duration::from_millis(rng.u64(..10))),
    };
    let patience = if rng.u32(..10) == 0 { Duration::from_millis(rng.u64(..100)) } else { Duration::MAX };
    let start = Instant::now();
    // One who leaves learns nothing.
    if let Ok(called) = tokio::time::timeout(patience, call(key, guarantee(key), body)).await {
        note(key, &called, start.elapsed());
    }
    if rng.u32(..50) == 0 {
        tokio::time::sleep(Duration::from_millis(rng.u64(..20))).await;
    }
}

fn note(key: u64, called: &Called, took: Duration) {
    if let Ok(effect) = called.result
        && called.replayed
    {
        Book::write(&format!("kept,{key},{effect}"));
    }
    if took > LONGEST {
        Book::write(&format!("hang,{key},{}", took.as_millis()));
    }
}

/// Every key ends up with a result, or in doubt where that is promised. Says how many of each.
pub(crate) async fn last(keys: u64) {
    let (mut done, mut in_doubt) = (0, 0);
    for key in 0..keys {
        let start = Instant::now();
        let called = call(key, guarantee(key), Body::Usual).await;
        note(key, &called, start.elapsed());
        match (called.result, guarantee(key)) {
            (Ok(_), _) => done += 1,
            (Err(resilience::Kind::OutcomeUnknown), Guarantee::AtMostOnce) => in_doubt += 1,
            (Err(kind), _) => println!("key {key}: {kind:?}"),
        }
    }
    println!("done {done} in doubt {in_doubt}");
}
