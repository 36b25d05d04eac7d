//! `key = ...`: a state for each key, and a bound on the keys.
#![allow(missing_docs)]

mod support;

use resilience::{Gauges, Kind, Runtime, bulkhead, circuit_breaker, manifest, rate_limit, retry};
use support::{
    Fault, Good, Hang, Reply, Service, Transient, after, dropped_after, events, kind, pass, rejected, timed,
    word,
};

#[circuit_breaker(key = host, consecutive = 2, open_for = "1s", probes = 1)]
async fn get(host: &str, service: &Service) -> Reply {
    service.call().await
}

#[circuit_breaker(key = (tenant, host), max_keys = 2, consecutive = 1)]
async fn few(tenant: u32, host: Option<&str>, service: &Service) -> Reply {
    service.call().await
}

#[bulkhead(max = 1, key = tenant)]
async fn scan(tenant: String, service: &Service) -> Reply {
    // The body may take the argument: the key was read before.
    drop(tenant);
    service.call().await
}

async fn alone<F: Future>(test: F) -> F::Output {
    Runtime::builder().memory().build().scope(test).await
}

#[tokio::test(start_paused = true)]
async fn a_sick_host_is_nobody_elses_affair() {
    alone(async {
        let (bad, good) = (Service::new([Transient]), Service::new([Good]));
        drop((get("a", &bad).await, get("a", &bad).await));
        assert_eq!(kind(get("a", &good).await), Kind::CircuitOpen);
        assert_eq!(get("b", &good).await, Ok(1));
        pass(1_000).await;
        assert_eq!(get("a", &good).await, Ok(2));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_tenant_fills_its_own_bulkhead() {
    alone(async {
        let slow = Service::new([after(100, Good)]);
        let call = |tenant: &str| scan(tenant.to_owned(), &slow);
        let ((a, again, b), ms) = timed(async { tokio::join!(call("a"), call("a"), call("b")) }).await;
        assert_eq!(
            (word(&a), kind(again), word(&b), ms),
            ("ok".to_owned(), Kind::BulkheadFull, "ok".to_owned(), 100)
        );
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_is_never_forgotten_and_the_rest_share_one() {
    alone(async {
        events::record();
        let (bad, good) = (Service::new([Transient]), Service::new([Good]));
        assert_eq!(word(&few(1, Some("a"), &bad).await), "transient");
        assert_eq!(word(&few(1, Some("b"), &bad).await), "transient");
        // Both are open, and there is room for two.
        assert_eq!(few(1, Some("c"), &good).await, Ok(1));
        assert_eq!(few(1, Some("d"), &bad).await, Err(Fault::Transient(3)));
        assert_eq!(
            kind(few(1, Some("e"), &good).await),
            Kind::CircuitOpen,
            "`c`, `d` and `e` share a breaker"
        );
        assert_eq!(kind(few(1, Some("a"), &good).await), Kind::CircuitOpen);
        assert_eq!(kind(few(1, Some("b"), &good).await), Kind::CircuitOpen);
        let full = events::take().into_iter().filter(|event| event.contains("keys_full")).count();
        assert_eq!(full, 2, "at the first call without room, and the second");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn closed_breakers_make_room() {
    alone(async {
        let (bad, good) = (Service::new([Transient]), Service::new([Good]));
        for tenant in 0..100 {
            assert_eq!(word(&few(tenant, Some("a"), &good).await), "ok");
        }
        assert_eq!(word(&few(100, Some("a"), &bad).await), "transient");
        for tenant in 0..100 {
            assert_eq!(word(&few(tenant, Some("a"), &good).await), "ok", "{tenant}");
        }
        assert_eq!(kind(few(100, Some("a"), &good).await), Kind::CircuitOpen);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_key_that_names_nothing_is_an_error() {
    let good = Service::new([Good]);
    let rejection = rejected(few(1, None, &good).await);
    assert_eq!((rejection.kind(), rejection.may_have_run()), (Kind::InvalidKey, false));
    let why = std::error::Error::source(&rejection).expect("a reason").to_string();
    assert!(why.contains("`None`"), "{why}");
    assert_eq!(kind(get("", &good).await), Kind::InvalidKey);
    assert_eq!(good.executions(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_key_is_read_once_for_all_attempts() {
    use std::sync::atomic::{AtomicU32, Ordering};
    static READ: AtomicU32 = AtomicU32::new(0);
    fn shard(of: &str) -> u32 {
        READ.fetch_add(1, Ordering::SeqCst);
        u32::try_from(of.len()).expect("short")
    }
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(key = shard(&name), consecutive = 5)]
    async fn call(name: String, service: &Service) -> Reply {
        assert_eq!(name, "abc");
        drop(name);
        service.call().await
    }
    assert_eq!(call("abc".to_owned(), &Service::new([Transient])).await, Err(Fault::Transient(3)));
    assert_eq!(READ.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_tenant_uses_up_its_own_permits() {
    #[rate_limit(permits = 1, weight = cost, key = tenant, max_keys = 2)]
    async fn call(tenant: u32, cost: u32, service: &Service) -> Reply {
        service.call().await
    }
    alone(async {
        let good = Service::new([Good]);
        assert_eq!(word(&call(1, 1, &good).await), "ok");
        assert_eq!(kind(call(1, 1, &good).await), Kind::RateLimited);
        assert_eq!(word(&call(2, 1, &good).await), "ok");
        // Both have used up theirs: there is no room for others, which share one limit.
        assert_eq!(word(&call(3, 1, &good).await), "ok");
        assert_eq!(kind(call(4, 1, &good).await), Kind::RateLimited);
        pass(1_000).await;
        assert_eq!(word(&call(4, 1, &good).await), "ok", "whoever has all permits may be forgotten");
        assert_eq!(word(&call(3, 1, &good).await), "ok");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_held_after_a_call() {
    #[bulkhead(max = 1, queue = 1, key = name)]
    async fn call(name: &str, service: &Service) -> Reply {
        service.call().await
    }
    let site = manifest().find(|site| site.stored_name() == "keyed::call").expect("a site");
    let hang = Service::new([Hang]);
    let three = async { tokio::join!(call("a", &hang), call("a", &hang), call("b", &hang)) };
    let watch = async {
        pass(5).await;
        site.gauges()
    };
    let gauges = tokio::select! {
        biased;
        _ = three => unreachable!("it hangs"),
        gauges = watch => gauges,
    };
    assert_eq!((gauges.running, gauges.waiting, gauges.keys), (2, 1, 2));
    assert!(dropped_after(1, call("c", &hang)).await.is_none());
    assert_eq!((site.gauges(), hang.running()), (Gauges::default(), 0));
}
