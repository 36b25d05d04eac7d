//! What a policy adds to a call that succeeds, beside the same thing written by hand: ratios of one run.
#![allow(missing_docs, reason = "a benchmark target")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use resilience::{Error, circuit_breaker, retry, timeout};

const CALLS: u32 = 50_000;
const ROUNDS: usize = 15;

/// Ready at once, or pending once.
async fn body(n: u32, waits: bool) -> Result<u32, Error> {
    if waits {
        let mut polled = false;
        std::future::poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if std::mem::replace(&mut polled, true) {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
    }
    Ok(black_box(n))
}

#[timeout(ms = 2_000)]
async fn timed(n: u32, waits: bool) -> Result<u32, Error> {
    body(n, waits).await
}

#[retry(attempts = 3, repeatable)]
async fn retried(n: u32, waits: bool) -> Result<u32, Error> {
    body(n, waits).await
}

#[circuit_breaker(consecutive = 5)]
async fn guarded(n: u32, waits: bool) -> Result<u32, Error> {
    body(n, waits).await
}

#[timeout(ms = 2_000)]
#[retry(attempts = 3, repeatable)]
#[circuit_breaker(consecutive = 5)]
#[timeout(ms = 500)]
async fn stacked(n: u32, waits: bool) -> Result<u32, Error> {
    body(n, waits).await
}

/// The stack's timeouts and its loop, as they are written by hand today.
async fn by_hand(n: u32, waits: bool) -> Result<u32, Error> {
    let all = async {
        loop {
            if let Ok(result) = tokio::time::timeout(Duration::from_millis(500), body(n, waits)).await {
                break result;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(2), all).await.unwrap_or(Ok(0))
}

/// Nanoseconds per call.
async fn measure<F: Future<Output = Result<u32, Error>>>(call: impl Fn(u32) -> F) -> f64 {
    let start = Instant::now();
    for n in 0..CALLS {
        black_box(call(n).await.is_ok());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

async fn compare(title: &str, waits: bool) {
    let mut rounds: [Vec<f64>; 6] = Default::default();
    // Interleaved, so that a machine that slows down does so for all.
    for _ in 0..ROUNDS {
        rounds[0].push(measure(|n| body(n, waits)).await);
        rounds[1].push(measure(|n| by_hand(n, waits)).await);
        rounds[2].push(measure(|n| timed(n, waits)).await);
        rounds[3].push(measure(|n| retried(n, waits)).await);
        rounds[4].push(measure(|n| guarded(n, waits)).await);
        rounds[5].push(measure(|n| stacked(n, waits)).await);
    }
    let [bare, hand, rest @ ..] = rounds.map(median);
    println!("{title}\n  the same two timeouts and loop by hand  1.00");
    for (name, time) in ["timeout", "retry", "circuit_breaker", "the stack of four"].into_iter().zip(rest) {
        println!("  {name:<39} {:.2}", (time - bare) / (hand - bare));
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() {
    println!("what is added to the bare call, as a share of what writing it by hand adds\n");
    let worker = tokio::spawn(async {
        compare("ready at the first poll", false).await;
        compare("pending once", true).await;
    });
    worker.await.expect("no panic");
}
