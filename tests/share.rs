//! Engines that many functions share, and engines that run code without a function.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use resilience::{
    Bulkhead, CircuitBreaker, Gauges, Kind, RateLimit, Runtime, State, bulkhead, circuit_breaker, manifest,
    rate_limit, retry, timeout,
};
use support::{
    Fault, Good, Hang, Permanent, Reply, Service, Transient, after, dropped_after, events, kind, pass,
    rejected, timed, word,
};

static GATEWAY: CircuitBreaker =
    CircuitBreaker::new("gateway").consecutive(2).open_for(Duration::from_secs(1)).probes(1);
static ROOMS: Bulkhead = Bulkhead::new("rooms", 2).queue(1).max_wait(Duration::from_millis(50));

#[circuit_breaker(share = GATEWAY)]
async fn charge(service: &Service) -> Reply {
    service.call().await
}

#[retry(attempts = 2, backoff = none, repeatable)]
#[circuit_breaker(share = GATEWAY, when = |fault| matches!(fault, Fault::Permanent(_)))]
async fn status(service: &Service) -> Reply {
    service.call().await
}

#[bulkhead(share = ROOMS)]
async fn one(service: &Service) -> Reply {
    service.call().await
}

#[bulkhead(share = self::ROOMS)]
async fn two(service: &Service) -> Reply {
    service.call().await
}

static API: RateLimit = RateLimit::new("api", 10).burst(5).max_wait(Duration::from_millis(150));

#[rate_limit(share = API)]
async fn small(service: &Service) -> Reply {
    service.call().await
}

#[rate_limit(share = API, weight = 4)]
async fn large(service: &Service) -> Reply {
    service.call().await
}

#[rate_limit(share = API, weight = rows)]
async fn rows(rows: u32, service: &Service) -> Reply {
    service.call().await
}

/// Runs under a scope, in which the statics start anew.
async fn alone<F: Future>(test: F) -> F::Output {
    Runtime::builder().memory().build().scope(test).await
}

#[tokio::test(start_paused = true)]
async fn a_breaker_has_one_opinion_for_all_who_share_it() {
    alone(async {
        events::record();
        let (bad, good) = (Service::new([Transient]), Service::new([Good]));
        assert_eq!(charge(&bad).await, Err(Fault::Transient(1)));
        assert_eq!(charge(&bad).await, Err(Fault::Transient(2)));
        assert_eq!(GATEWAY.state(), State::Open);
        let rejection = rejected(status(&good).await);
        assert_eq!((rejection.kind(), rejection.site()), (Kind::CircuitOpen, "share::status"));
        assert_eq!((good.executions(), rejection.retry_after()), (0, Some(Duration::from_secs(1))));
        pass(1_000).await;
        assert_eq!(status(&good).await, Ok(1), "the probe of one is the probe of all");
        assert_eq!((GATEWAY.state(), charge(&good).await), (State::Closed, Ok(2)));
        let transitions = events::take();
        assert!(transitions.contains(&"transition closed open".to_owned()), "{transitions:?}");
    })
    .await;
}

/// What a failure means is the function's affair.
#[tokio::test(start_paused = true)]
async fn each_says_for_itself_what_counts() {
    alone(async {
        let bad = Service::new([Permanent]);
        assert_eq!(word(&charge(&bad).await), "permanent");
        assert_eq!(word(&charge(&bad).await), "permanent");
        assert_eq!(GATEWAY.state(), State::Closed);
        assert_eq!(word(&status(&bad).await), "permanent");
        assert_eq!(word(&status(&bad).await), "permanent");
        assert_eq!(GATEWAY.state(), State::Open);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn its_transitions_bear_its_own_name() {
    alone(async {
        events::record();
        let bad = Service::new([Transient]);
        drop((charge(&bad).await, charge(&bad).await));
        assert_eq!(events::sites(), ["gateway"]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_bulkhead_is_full_for_all_who_share_it() {
    alone(async {
        let slow = Service::new([after(100, Good)]);
        let all = async { tokio::join!(one(&slow), two(&slow), one(&slow), two(&slow)) };
        let watch = async {
            pass(10).await;
            ROOMS.gauges()
        };
        let ((a, b, c, d), gauges) = tokio::join!(all, watch);
        assert_eq!((gauges.running, gauges.waiting), (2, 1));
        assert_eq!((word(&a), word(&b)), ("ok".to_owned(), "ok".to_owned()));
        assert_eq!((kind(c), kind(d)), (Kind::BulkheadFull, Kind::BulkheadFull), "one waited 50 ms");
        assert_eq!(ROOMS.gauges(), Gauges::default());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_counts_what_all_take_who_share_it() {
    alone(async {
        let good = Service::new([Good]);
        assert_eq!(timed(large(&good)).await, (Ok(1), 0));
        assert_eq!(timed(small(&good)).await, (Ok(2), 0));
        assert_eq!(timed(small(&good)).await, (Ok(3), 100), "one comes back in 100 ms");
        let rejection = rejected(large(&good).await);
        assert_eq!(
            (rejection.kind(), rejection.retry_after()),
            (Kind::RateLimited, Some(Duration::from_millis(400)))
        );
        let never = rejected(rows(6, &good).await);
        assert_eq!((never.kind(), never.retry_after(), good.executions()), (Kind::RateLimited, None, 3));
        assert!(dropped_after(20, small(&good)).await.is_none());
        assert_eq!(API.gauges(), Gauges::default());
        assert_eq!(
            timed(API.run(async || good.call().await)).await,
            (Ok(4), 80),
            "what it had reserved came back"
        );
    })
    .await;
}

struct Client {
    breaker: CircuitBreaker,
    rooms: Arc<Bulkhead>,
    service: Service,
}

impl Client {
    fn new(service: Service) -> Self {
        let breaker = CircuitBreaker::new("client").consecutive(1);
        Self { breaker, rooms: Arc::new(Bulkhead::new("client", 1)), service }
    }

    #[circuit_breaker(share = self.breaker)]
    #[bulkhead(share = self.rooms)]
    async fn get(&self) -> Reply {
        self.service.call().await
    }

    /// The receiver is used up by the body, and still there for the policies.
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(share = self.breaker)]
    async fn take(self: Arc<Self>) -> Reply {
        let mine = self;
        mine.service.call().await
    }

    #[circuit_breaker(share = self.breaker)]
    async fn spend(self: Arc<Self>) -> Reply {
        let mine = self;
        mine.service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_instance_has_its_own() {
    let (sick, well) = (Client::new(Service::new([Transient])), Arc::new(Client::new(Service::new([Good]))));
    assert_eq!(sick.get().await, Err(Fault::Transient(1)));
    assert_eq!(kind(sick.get().await), Kind::CircuitOpen);
    assert_eq!((well.get().await, sick.breaker.state()), (Ok(1), State::Open));
    assert_eq!(Arc::clone(&well).take().await, Ok(2));
    assert_eq!(well.spend().await, Ok(3));
    // A scope has another state for the instance too, which knows of nothing.
    alone(async { assert_eq!(sick.get().await, Err(Fault::Transient(2))) }).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_was_dropped_holds_nothing() {
    alone(async {
        let hang = Service::new([Hang]);
        assert!(support::dropped_after(10, one(&hang)).await.is_none());
        assert_eq!((ROOMS.gauges(), hang.running()), (Gauges::default(), 0));
    })
    .await;
}

#[test]
fn the_manifest_names_the_place() {
    let site = manifest().find(|site| site.name() == "share::charge").expect("a site");
    assert!(format!("{:?}", site.policies()).contains("GATEWAY"));
    assert_eq!(site.gauges(), Gauges::default());
}

mod without_a_function {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_breaker_runs_code() {
        let breaker = CircuitBreaker::new("code").consecutive(2);
        let bad = Service::new([Transient]);
        assert_eq!(breaker.run(async || bad.call().await).await, Err(Fault::Transient(1)));
        assert_eq!(breaker.run(async || bad.call().await).await, Err(Fault::Transient(2)));
        let rejection = rejected(breaker.run(async || bad.call().await).await);
        assert_eq!(
            (rejection.kind(), rejection.site(), rejection.attempts()),
            (Kind::CircuitOpen, "code", 0)
        );
        assert_eq!((breaker.state(), breaker.gauges().probes), (State::Open, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_bulkhead_lets_code_wait() {
        let rooms = Bulkhead::new("code", 1).queue(1).max_wait(Duration::from_millis(30));
        let slow = Service::new([after(100, Good)]);
        let run = || rooms.run(async || slow.call().await);
        let ((a, b, c), ms) = timed(async { tokio::join!(run(), run(), run()) }).await;
        assert_eq!((a, kind(b), kind(c), ms), (Ok(1), Kind::BulkheadFull, Kind::BulkheadFull, 100));
        assert_eq!(rooms.gauges(), Gauges::default());
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_around_is_kept() {
        #[timeout(ms = 40)]
        async fn inside(rooms: &Bulkhead, service: &Service) -> Reply {
            rooms.run(async || service.call().await).await
        }
        let rooms = Bulkhead::new("code", 1).queue(1);
        let hang = Service::new([Hang]);
        let (reply, ms) = timed(async { tokio::join!(inside(&rooms, &hang), inside(&rooms, &hang)) }).await;
        assert_eq!((kind(reply.0), kind(reply.1), ms), (Kind::Timeout, Kind::Timeout, 40));
        assert_eq!((rooms.gauges(), hang.executions()), (Gauges::default(), 1));
    }

    #[test]
    fn what_the_attribute_refuses_panics() {
        let panics = |make: fn() -> CircuitBreaker| std::panic::catch_unwind(make).is_err();
        assert!(panics(|| CircuitBreaker::new("x").failure_rate(0.0)));
        assert!(panics(|| CircuitBreaker::new("x").window_calls(10).min_calls(11)));
        assert!(panics(|| CircuitBreaker::new("x")
            .open_for(Duration::from_secs(9))
            .max_open_for(Duration::from_secs(8))));
        assert!(!panics(|| CircuitBreaker::new("x").slow(Duration::from_secs(1), 0.5)));
        assert!(std::panic::catch_unwind(|| Bulkhead::new("x", 0)).is_err());
        assert!(std::panic::catch_unwind(|| Bulkhead::new("x", 1).max_wait(Duration::from_secs(1))).is_err());
    }
}

/// One scope's calls wait for each other and not for those outside, also where one is dropped outside of the scope.
#[tokio::test(start_paused = true)]
async fn a_place_comes_back_to_its_own_scope() {
    let scope = Runtime::builder().memory().build();
    let (hang, good) = (Service::new([Hang]), Service::new([Good]));
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = Box::pin(scope.scope(one(&hang)));
        assert!(dropped_after(0, holder.as_mut()).await.is_none());
        holders.push(holder);
    }
    let mut waiter = Box::pin(scope.scope(two(&good)));
    assert!(dropped_after(0, waiter.as_mut()).await.is_none());
    assert_eq!(alone(one(&good)).await, Ok(1), "another scope has other rooms");
    drop(holders);
    assert_eq!(waiter.await, Ok(2));
    assert_eq!(scope.scope(async { ROOMS.gauges() }).await, Gauges::default());
}
