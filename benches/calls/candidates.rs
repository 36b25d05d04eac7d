//! Who does the same thing.

use std::hint::black_box;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use backon::{ConstantBuilder, Retryable};
use failsafe::futures::CircuitBreaker as _;
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use recloser::{AsyncRecloser, Recloser};
use resilience::{bulkhead, circuit_breaker, fallback, policies, rate_limit, retry, timeout};
use tokio::sync::Semaphore;

use crate::bodies::{Fault, Reply, Shape, body, failing};
use crate::measure::Calls;
use crate::towers;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// A fallback that has nothing to answer: what every annotated call has.
    Context,
    Timeout,
    Retry,
    Breaker,
    Rejection,
    Bulkhead,
    RateLimit,
    Stack,
}

impl Case {
    pub(crate) const ALL: [Self; 8] = [
        Self::Context,
        Self::Timeout,
        Self::Retry,
        Self::Breaker,
        Self::Rejection,
        Self::Bulkhead,
        Self::RateLimit,
        Self::Stack,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Context => "a call and its context",
            Self::Timeout => "timeout",
            Self::Retry => "retry that need not repeat",
            Self::Breaker => "breaker",
            Self::Rejection => "rejection by an open breaker",
            Self::Bulkhead => "bulkhead with room",
            Self::RateLimit => "rate limit with permits",
            Self::Stack => "timeout, retry, breaker, bulkhead",
        }
    }

    /// A body that is not run has no shape.
    pub(crate) fn has(self, shape: Shape) -> bool {
        self != Self::Rejection || shape == Shape::Ready
    }
}

pub(crate) struct Candidate {
    pub(crate) case: Case,
    pub(crate) name: &'static str,
    /// Makes so many calls, one after the other.
    pub(crate) run: fn(Shape, u32) -> Calls,
}

macro_rules! candidates {
    ($($case:ident $name:literal: |$shape:ident| $call:expr;)* $(=> $all:ident $all_name:literal: $run:path;)*) => {
        /// Those of ours first in each case.
        pub(crate) static CANDIDATES: &[Candidate] = &[
            $(Candidate {
                case: Case::$case,
                name: $name,
                run: |$shape, calls| Box::pin(async move {
                    let _ = $shape;
                    for _ in 0..calls {
                        std::hint::black_box($call.await.is_ok());
                    }
                }),
            },)*
            $(Candidate { case: Case::$all, name: $all_name, run: $run },)*
        ];
    };
}

candidates! {
    Context "resilience": |shape| answered(shape);
    Timeout "resilience": |shape| timed(shape);
    Timeout "tokio::time::timeout": |shape| tokio::time::timeout(TWO_SECONDS, body(shape));
    Retry "resilience": |shape| retried(shape);
    Retry "backon": |shape| (|| body(shape)).retry(ConstantBuilder::default().with_max_times(2));
    Retry "loop by hand": |shape| looped(shape);
    Breaker "resilience, window of 10 s": |shape| guarded(shape);
    Breaker "resilience, window of 100 calls": |shape| counted(shape);
    Breaker "recloser": |shape| RECLOSER.call(body(shape));
    Breaker "failsafe": |shape| FAILSAFE.call(body(shape));
    Rejection "resilience": |shape| open();
    Rejection "recloser": |shape| RECLOSER_OPEN.call(failing());
    Rejection "failsafe": |shape| FAILSAFE_OPEN.call(failing());
    Bulkhead "resilience": |shape| bounded(shape);
    Bulkhead "tokio::sync::Semaphore": |shape| by_semaphore(shape);
    RateLimit "resilience": |shape| limited(shape);
    RateLimit "governor": |shape| by_governor(shape);
    Stack "resilience": |shape| stacked(shape);
    Stack "resilience, boxed": |shape| stacked_in_a_box(shape);
    Stack "by hand": |shape| by_hand(shape);
    Stack "the least: atomics and a clock": |shape| least(shape);
    Stack "backon, recloser, semaphore, tokio": |shape| composed(shape);
    => Stack "tower-resilience": towers::resilience;
    => Stack "tower, timeout and limit alone": towers::plain;
}

pub(crate) const TWO_SECONDS: Duration = Duration::from_secs(2);
const HOUR: Duration = Duration::from_hours(1);

#[fallback(Err)]
async fn answered(shape: Shape) -> Reply {
    body(shape).await
}

#[timeout(secs = 2)]
async fn timed(shape: Shape) -> Reply {
    body(shape).await
}

#[retry(attempts = 3, repeatable)]
async fn retried(shape: Shape) -> Reply {
    body(shape).await
}

async fn looped(shape: Shape) -> Reply {
    let mut attempt = 1;
    loop {
        match body(shape).await {
            Err(Fault::Unreachable) if attempt < 3 => attempt += 1,
            result => return result,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[circuit_breaker(window = "10s")]
async fn guarded(shape: Shape) -> Reply {
    body(shape).await
}

#[circuit_breaker(window = 100)]
async fn counted(shape: Shape) -> Reply {
    body(shape).await
}

static RECLOSER: LazyLock<AsyncRecloser> = LazyLock::new(|| AsyncRecloser::from(Recloser::default()));

type Failsafe =
    failsafe::StateMachine<failsafe::failure_policy::ConsecutiveFailures<failsafe::backoff::Constant>, ()>;

fn failsafe(failures: u32) -> Failsafe {
    let wait = failsafe::backoff::constant(HOUR);
    let policy = failsafe::failure_policy::consecutive_failures(failures, wait);
    failsafe::Config::new().failure_policy(policy).build()
}

static FAILSAFE: LazyLock<Failsafe> = LazyLock::new(|| failsafe(5));

/// The first call opens it, and the others are rejected.
#[circuit_breaker(consecutive = 1, open_for = "1h")]
async fn open() -> Reply {
    failing().await
}

static RECLOSER_OPEN: LazyLock<AsyncRecloser> = LazyLock::new(|| {
    AsyncRecloser::from(Recloser::custom().closed_len(1).error_rate(0.5).open_wait(HOUR).build())
});
static FAILSAFE_OPEN: LazyLock<Failsafe> = LazyLock::new(|| failsafe(1));

#[bulkhead(max = 64)]
async fn bounded(shape: Shape) -> Reply {
    body(shape).await
}

static ROOM: Semaphore = Semaphore::const_new(64);

async fn by_semaphore(shape: Shape) -> Reply {
    let Ok(_room) = ROOM.try_acquire() else { return Err(Fault::Unreachable) };
    body(shape).await
}

#[rate_limit(permits = 1_000_000, burst = 1_000_000_000)]
async fn limited(shape: Shape) -> Reply {
    body(shape).await
}

static GOVERNOR: LazyLock<DefaultDirectRateLimiter> = LazyLock::new(|| {
    let number = |number| std::num::NonZeroU32::new(number).expect("not zero");
    RateLimiter::direct(Quota::per_second(number(1_000_000)).allow_burst(number(1_000_000_000)))
});

async fn by_governor(shape: Shape) -> Reply {
    if GOVERNOR.check().is_err() {
        return Err(Fault::Unreachable);
    }
    body(shape).await
}

#[timeout(secs = 2)]
#[retry(attempts = 3, repeatable)]
#[circuit_breaker(window = "10s")]
#[bulkhead(max = 64)]
async fn stacked(shape: Shape) -> Reply {
    body(shape).await
}

#[policies(boxed)]
#[timeout(secs = 2)]
#[retry(attempts = 3, repeatable)]
#[circuit_breaker(window = "10s")]
#[bulkhead(max = 64)]
async fn stacked_in_a_box(shape: Shape) -> Reply {
    body(shape).await
}

static FAILED: AtomicU64 = AtomicU64::new(0);

/// As one writes it: a count of failures in a row for a breaker.
async fn by_hand(shape: Shape) -> Reply {
    let all = async {
        let mut attempt = 1;
        loop {
            if FAILED.load(Ordering::Relaxed) > 5 {
                return Err(Fault::Unreachable);
            }
            let Ok(room) = ROOM.try_acquire() else { return Err(Fault::Unreachable) };
            let result = body(shape).await;
            drop(room);
            match result {
                Ok(value) => {
                    FAILED.store(0, Ordering::Relaxed);
                    return Ok(value);
                }
                Err(Fault::Unreachable) if attempt < 3 => attempt += 1,
                error => return error,
            }
            FAILED.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(TWO_SECONDS, all).await.unwrap_or(Err(Fault::Unreachable))
}

static INSIDE: AtomicU64 = AtomicU64::new(0);
static DEADLINES: Mutex<u64> = Mutex::new(0);

thread_local! {
    static SUCCEEDED: AtomicU64 = const { AtomicU64::new(0) };
}

/// No policy at all, and only what the four cannot do without: a place that is taken and given back, a success that is counted by
/// thread, and for a call that waits the clock and a lock for its deadline, at its beginning and at its end.
async fn least(shape: Shape) -> Reply {
    INSIDE.fetch_add(1, Ordering::AcqRel);
    if shape != Shape::Ready {
        black_box(Instant::now());
        *DEADLINES.lock().unwrap_or_else(PoisonError::into_inner) += 1;
    }
    let reply = body(shape).await;
    if shape != Shape::Ready {
        *DEADLINES.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
    SUCCEEDED.with(|count| count.fetch_add(1, Ordering::SeqCst));
    INSIDE.fetch_sub(1, Ordering::AcqRel);
    reply
}

async fn composed(shape: Shape) -> Reply {
    let guarded = || async { RECLOSER.call(by_semaphore(shape)).await.map_err(|_| Fault::Unreachable) };
    let repeated = guarded.retry(ConstantBuilder::default().with_max_times(2));
    tokio::time::timeout(TWO_SECONDS, repeated).await.unwrap_or(Err(Fault::Unreachable))
}
