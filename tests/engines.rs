//! Engines that run code without a function, one inside the other.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use resilience::{
    Backoff, Bulkhead, CircuitBreaker, Exclusive, Gauges, Hedge, Jitter, Kind, Pool, RateLimit, Retry,
    RetryBudget, Runtime, Timeout, context, retry,
};
use support::{
    Fault, Good, Hang, Reply, Service, Transient, after, dropped_after, events, kind, rejected, timed, word,
};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

static TOTAL: Timeout = Timeout::new("total", ms(1_000));
static ATTEMPT: Timeout = Timeout::new("attempt", ms(100));
static BUDGET: RetryBudget = RetryBudget::new().share(0.0).floor(0).burst(5);
static READS: Retry = Retry::new("reads", "it only reads")
    .attempts(3)
    .backoff(Backoff::Fixed(ms(50)))
    .jitter(Jitter::None)
    .budget(&BUDGET);
static BESIDE: Hedge = Hedge::new("beside", "it only reads").after(ms(30)).max(2);

/// The stack of an annotated function, by hand.
async fn read(service: &Service) -> Reply {
    TOTAL.run(async || READS.run(async || ATTEMPT.run(async || service.call().await).await).await).await
}

#[tokio::test(start_paused = true)]
async fn they_nest_as_attributes_do() {
    let service = Service::new([Hang, Transient, Good]);
    assert_eq!(timed(read(&service)).await, (Ok(3), 100 + 50 + 50));
    let service = Service::new([Hang]);
    let (reply, took) = timed(read(&service)).await;
    let rejection = rejected(reply);
    assert_eq!((rejection.kind(), rejection.site(), rejection.attempts()), (Kind::Timeout, "attempt", 1));
    assert_eq!((took, service.executions()), (3 * 100 + 2 * 50, 3));
    assert_eq!(word(&read(&service).await), "Timeout 1", "one of the budget is left");
    assert_eq!(service.executions(), 5);
    assert_eq!((word(&read(&service).await), service.executions()), ("Timeout 1".to_owned(), 6));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_gives_its_deadline_to_what_is_inside() {
    let left = TOTAL
        .run(async || {
            let inner = ATTEMPT.run(async || Ok::<_, resilience::Error>(context::deadline())).await?;
            Ok::<_, resilience::Error>((context::deadline(), inner))
        })
        .await
        .expect("in time");
    let (outer, inner) = (left.0.expect("a deadline"), left.1.expect("a deadline"));
    assert_eq!(outer - inner, ms(900));
    assert!(context::deadline().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_hedge_takes_the_first_success() {
    events::record();
    let service = Service::new([Hang, after(100, Transient), after(10, Good)]);
    assert_eq!(timed(BESIDE.run(async || service.call().await)).await, (Ok(3), 70));
    assert_eq!(service.running(), 0, "the others are gone");
    assert!(events::take().contains(&"hedge_won 3".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn retries_do_not_multiply_here_either() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    static OUTER: Retry = Retry::new("outer", "it only reads").attempts(3).backoff(Backoff::None);
    let service = Service::new([Transient]);
    assert_eq!(OUTER.run(async || inner(&service).await).await, Err(Fault::Transient(3)));
}

#[tokio::test(start_paused = true)]
async fn dropped_they_hold_nothing() {
    let (places, limit) =
        (Bulkhead::new("places", 1).queue(1), RateLimit::new("limit", 1).max_wait(ms(5_000)));
    let breaker = CircuitBreaker::new("breaker");
    let hang = Service::new([Hang]);
    let call = || async {
        breaker.run(async || places.run(async || limit.run(async || hang.call().await).await).await).await
    };
    assert!(dropped_after(10, async { tokio::join!(call(), call()) }).await.is_none());
    assert_eq!((places.gauges(), limit.gauges(), breaker.gauges()), <(Gauges, Gauges, Gauges)>::default());
    assert_eq!(hang.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_scope_has_their_states_anew() {
    static FEW: RateLimit = RateLimit::new("few", 1);
    let good = Service::new([Good]);
    let call = || FEW.run(async || good.call().await);
    assert_eq!(call().await, Ok(1));
    assert_eq!(kind(call().await), Kind::RateLimited);
    Runtime::builder().memory().build().scope(async { assert_eq!(call().await, Ok(2)) }).await;
}

#[tokio::test]
async fn their_futures_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let service = Service::new([Good]);
    assert_eq!(is_send(read(&service)).await, Ok(1));
    assert_eq!(is_send(BESIDE.run(async || service.call().await)).await, Ok(2));
}

#[test]
fn what_an_attribute_refuses_panics() {
    assert!(std::panic::catch_unwind(|| Timeout::new("x", Duration::ZERO)).is_err());
    assert!(std::panic::catch_unwind(|| Retry::new("x", "")).is_err());
    assert!(std::panic::catch_unwind(|| Retry::new("x", "y").attempts(0)).is_err());
    assert!(std::panic::catch_unwind(|| Hedge::new("x", "y").max(0)).is_err());
    assert!(std::panic::catch_unwind(|| Hedge::new("x", "y").after(ms(1)).initial(ms(1))).is_err());
    assert!(std::panic::catch_unwind(|| RateLimit::new("x", 0)).is_err());
}

/// Spawned, so that its future is `Send`.
#[tokio::test(start_paused = true)]
async fn a_retried_closure_may_change_what_it_captures() {
    static READS: Retry = Retry::new("reads", "it only reads");
    let task = tokio::spawn(async {
        let mut tries = 0;
        let reply: Result<u32, std::io::Error> = READS
            .run(|| {
                tries += 1;
                let tries = tries;
                async move {
                    tokio::task::yield_now().await;
                    if tries < 3 { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(tries) }
                }
            })
            .await;
        (reply.ok(), tries)
    });
    assert_eq!(task.await.expect("it runs"), (Some(3), 3));
    let count = |service: Arc<Service>| async move {
        READS
            .run(|| {
                let service = Arc::clone(&service);
                async move { service.call().await }
            })
            .await
    };
    let task = tokio::spawn(count(Arc::new(Service::new([Transient, Good]))));
    assert_eq!(task.await.expect("it runs"), Ok(2));
}

/// A client that derives `Debug`.
#[derive(Debug)]
struct Client {
    #[expect(dead_code, reason = "they are shown")]
    parts: (CircuitBreaker, RateLimit, Bulkhead, Pool, Timeout, Retry, Hedge, Exclusive, RetryBudget),
}

#[test]
fn engines_show_their_names_and_what_they_hold() {
    let client = Client {
        parts: (
            CircuitBreaker::new("breaker"),
            RateLimit::new("limit", 1),
            Bulkhead::new("room", 1),
            Pool::new("pool"),
            Timeout::new("timeout", Duration::from_secs(1)),
            Retry::new("retry", "it only reads"),
            Hedge::new("hedge", "it only reads"),
            Exclusive::new("exclusive"),
            RetryBudget::new(),
        ),
    };
    let shown = format!("{client:?}");
    let gauges = "gauges: Gauges { running: 0, waiting: 0, abandoned: 0, probes: 0, keys: 0 }, ..";
    for part in [
        "CircuitBreaker { name: \"breaker\", state: Closed, .. }",
        &format!("RateLimit {{ name: \"limit\", {gauges} }}"),
        &format!("Bulkhead {{ name: \"room\", {gauges} }}"),
        &format!("Pool {{ name: \"pool\", {gauges} }}"),
        "Timeout { name: \"timeout\", .. }",
        "Retry { name: \"retry\", .. }",
        "Hedge { name: \"hedge\", .. }",
        "Exclusive { name: \"exclusive\", .. }",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    let replicas = resilience::Replicas::new(CircuitBreaker::new("nodes"), [1, 2]).expect("a set");
    assert_eq!(format!("{replicas:?}"), "Replicas { name: \"nodes\", states: [Closed, Closed], .. }");
}
