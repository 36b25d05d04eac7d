//! Every policy, alone and with others, own and shared and by key.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use resilience::{
    Bulkhead, CircuitBreaker, Gauges, Kind, RateLimit, Replicas, RetryBudget, bulkhead, circuit_breaker,
    exclusive, fallback, hedge, idempotent, rate_limit, retry, timeout,
};

use crate::service::{Fault, Plan, Reply};

/// No call takes longer.
pub const LONGEST: Duration = Duration::from_millis(60);

static BUDGET: RetryBudget = RetryBudget::new().share(0.5).floor(100);
static GATEWAY: CircuitBreaker =
    CircuitBreaker::new("gateway").consecutive(20).open_for(Duration::from_millis(5)).probes(2);
static ROOMS: Bulkhead = Bulkhead::new("rooms", 8).queue(8).max_wait(Duration::from_millis(5));
static API: RateLimit =
    RateLimit::new("api", 500).per(Duration::from_millis(100)).burst(20).max_wait(Duration::from_millis(5));

static NODES: LazyLock<Replicas<()>> = LazyLock::new(|| {
    let breaker = CircuitBreaker::new("nodes").consecutive(3).open_for(Duration::from_millis(3));
    Replicas::new(breaker, [(); 5]).expect("five are not too many")
});

/// What those that are shared hold.
pub fn shared() -> [Gauges; 4] {
    [GATEWAY.gauges(), ROOMS.gauges(), API.gauges(), NODES.gauges()]
}

#[timeout(after = LONGEST)]
#[retry(attempts = 3, backoff = exponential("1ms"), budget = BUDGET, repeatable)]
#[circuit_breaker(share = GATEWAY)]
#[bulkhead(share = ROOMS)]
#[timeout(ms = 15)]
async fn headline(plan: Plan) -> Reply {
    plan.run().await
}

#[fallback(|_| Ok(0), when = |fault| matches!(fault, Fault::Transient))]
#[circuit_breaker(key = plan.key, max_keys = 64, consecutive = 2, open_for = "3ms", probes = 1, probe_timeout = "5ms")]
#[timeout(ms = 10)]
async fn by_key(plan: Plan) -> Reply {
    plan.run().await
}

#[bulkhead(max = 2, queue = 2, max_wait = "3ms", key = plan.key % 8)]
#[timeout(ms = 10)]
async fn crowded(plan: Plan) -> Reply {
    plan.run().await
}

#[timeout(ms = 20)]
#[rate_limit(share = API, weight = 1 + plan.key % 21)]
#[hedge(after = "1ms", max = 2, budget = BUDGET, repeatable)]
#[bulkhead(max = 24, queue = 4)]
async fn hedged(plan: Plan) -> Reply {
    plan.run().await
}

#[timeout(ms = 20)]
#[rate_limit(permits = 200, per = "100ms", burst = 5, max_wait = "4ms", key = plan.key, max_keys = 64)]
async fn limited_by_key(plan: Plan) -> Reply {
    plan.run().await
}

#[timeout(ms = 25)]
#[hedge(after = p95, initial = "1ms", repeatable)]
#[circuit_breaker(failure_rate = 0.6, window = 50, open_for = "2ms", slow_call = "8ms", slow_rate = 0.9)]
#[timeout(ms = 10)]
async fn observed(plan: Plan) -> Reply {
    plan.run().await
}

#[fallback(async |_| { tokio::task::yield_now().await; Ok(0) })]
#[idempotent(key = plan.key % 500, ttl = "1m", lease = "30s", wait = "5ms")]
#[timeout(ms = 10)]
async fn once(plan: Plan) -> Reply {
    plan.run().await
}

#[timeout(ms = 6)]
#[exclusive(key = plan.key % 4, lease = "200ms", otherwise = wait)]
#[timeout(ms = 4)]
async fn in_turn(plan: Plan) -> Reply {
    plan.run().await
}

/// Each attempt on a node of its own.
#[timeout(ms = 20)]
#[retry(attempts = 2, backoff = none, repeatable)]
#[hedge(after = "1ms", repeatable)]
#[timeout(ms = 8)]
async fn replicated(plan: Plan) -> Reply {
    NODES.pick()?;
    plan.run().await?;
    NODES.run(async |()| plan.run().await).await
}

/// Functions within functions, and tasks.
#[timeout(ms = 50)]
#[retry(attempts = 2, backoff = none, repeatable)]
async fn nested(plan: Plan) -> Reply {
    let task = resilience::spawn(headline(plan));
    let here = by_key(plan).await;
    match task.await {
        Ok(there) => here.and(there),
        Err(gone) if gone.is_panic() => std::panic::resume_unwind(gone.into_panic()),
        Err(_) => Err(Fault::Transient),
    }
}

/// The rejections so far, by kind.
static REJECTED: [(Kind, AtomicU64); 5] = [
    (Kind::Timeout, AtomicU64::new(0)),
    (Kind::CircuitOpen, AtomicU64::new(0)),
    (Kind::BulkheadFull, AtomicU64::new(0)),
    (Kind::RateLimited, AtomicU64::new(0)),
    (Kind::Held, AtomicU64::new(0)),
];

/// A policy that never said no was not soaked.
pub fn assert_that_all_rejected() {
    for (kind, count) in &REJECTED {
        let count = count.load(Ordering::Relaxed);
        println!("{kind:?}: {count}");
        assert!(count > 0, "nobody was rejected as {kind:?}");
    }
}

/// One call of the stack that the plan names.
pub async fn call(plan: Plan) -> Reply {
    let reply = match plan.stack % 10 {
        0 => headline(plan).await,
        1 => by_key(plan).await,
        2 => crowded(plan).await,
        3 => hedged(plan).await,
        4 => limited_by_key(plan).await,
        5 => observed(plan).await,
        6 => once(plan).await,
        7 => replicated(plan).await,
        8 => in_turn(plan).await,
        _ => nested(plan).await,
    };
    if let Err(Fault::Policy(rejection)) = &reply
        && let Some((_, count)) = REJECTED.iter().find(|(kind, _)| *kind == rejection.kind())
    {
        count.fetch_add(1, Ordering::Relaxed);
    }
    reply
}
