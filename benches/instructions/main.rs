//! Makes so many calls of one kind, for `cargo xtask bench instructions`: it counts what two runs of different length differ by, and
//! so neither the start of the program nor the first calls.
#![allow(missing_docs, reason = "a program for a benchmark")]

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use resilience::{Failure, bulkhead, circuit_breaker, fallback, rate_limit, retry, timeout};

#[derive(Debug, thiserror::Error, Failure)]
enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

/// Ready at once, or pending so many times.
#[inline(never)]
async fn body(order: u64, pending: u32) -> Result<u64, Fault> {
    let mut left = pending;
    poll_fn(|_| {
        let polled = if left == 0 { Poll::Ready(()) } else { Poll::Pending };
        left = left.saturating_sub(1);
        polled
    })
    .await;
    if black_box(order) == u64::MAX { Err(Fault::Unreachable) } else { Ok(order) }
}

async fn bare(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[fallback(Err)]
async fn nothing_but_a_call(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[timeout(secs = 2)]
async fn timed(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[retry(attempts = 3, repeatable)]
async fn retried(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[circuit_breaker]
async fn guarded(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[circuit_breaker(window = 100)]
async fn counted(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[circuit_breaker(consecutive = 5)]
async fn in_a_row(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[bulkhead(max = 64)]
async fn bounded(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[rate_limit(permits = 1_000_000, burst = 1_000_000_000)]
async fn limited(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[timeout(secs = 2)]
#[retry(attempts = 3, repeatable)]
#[circuit_breaker]
#[bulkhead(max = 64)]
async fn four(order: u64, pending: u32) -> Result<u64, Fault> {
    body(order, pending).await
}

#[inline(never)]
fn drive<F: Future<Output = Result<u64, Fault>>>(call: F) {
    let mut call = pin!(call);
    let cx = &mut Context::from_waker(Waker::noop());
    while call.as_mut().poll(cx).is_pending() {}
}

macro_rules! cases {
    ($($name:literal: $call:ident $pending:literal,)*) => {
        /// By their names in the table.
        const CASES: &[(&str, fn(u64))] = &[$(($name, |calls| {
            for order in 0..calls {
                drive($call(black_box(order), $pending));
            }
        }),)*];
    };
}

cases! {
    "bare": bare 0,
    "no policy": nothing_but_a_call 0,
    "timeout": timed 0,
    "retry": retried 0,
    "circuit_breaker over a time": guarded 0,
    "circuit_breaker over calls": counted 0,
    "circuit_breaker by failures in a row": in_a_row 0,
    "bulkhead": bounded 0,
    "rate_limit": limited 0,
    "stack of four": four 0,
    "bare, pending once": bare 1,
    "stack of four, pending once": four 1,
}

/// Without arguments it lists the cases. A pending call has its deadline in a list of this crate, and needs no runtime.
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(case) = args.first() else {
        for (name, _) in CASES {
            println!("{name}");
        }
        return;
    };
    let calls = args.get(1).and_then(|calls| calls.parse().ok()).expect("how many calls");
    let (_, run) = CASES.iter().find(|(name, _)| name == case).expect("one of the cases");
    run(calls);
}
