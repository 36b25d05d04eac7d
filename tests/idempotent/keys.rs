//! What names an operation, and what the body knows of it.

use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{Error, IdempotencyKey, Kind, context, idempotent, retry};

use crate::support::{Good, Reply, Service, Transient, events};
use crate::{alone, record};

#[idempotent(key = key)]
async fn by_text(runs: &AtomicU32, key: Option<&str>) -> Result<u32, Error> {
    Ok(runs.fetch_add(1, Ordering::SeqCst))
}

#[idempotent(key = id, scope = tenant)]
async fn by_tenant(runs: &AtomicU32, tenant: Option<&str>, id: &str) -> Result<u32, Error> {
    Ok(runs.fetch_add(1, Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_key_that_names_nothing_is_refused_and_the_body_not_run() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    let long = "x".repeat(513);
    let refused = |error: Error, said: &str| {
        assert_eq!((error.kind(), error.may_have_run()), (Kind::InvalidKey, false));
        let source = std::error::Error::source(&error).expect("a reason").to_string();
        assert!(source.contains(said), "{source}");
        assert_eq!(events::take(), ["rejected InvalidKey"], "once");
    };
    events::record();
    runtime
        .scope(async {
            for (key, said) in [(None, "`None`"), (Some(""), "empty"), (Some(long.as_str()), "513")] {
                refused(by_text(&runs, key).await.expect_err("no key"), said);
                refused(by_tenant(&runs, key, "7").await.expect_err("no scope"), said);
            }
            assert_eq!(runs.load(Ordering::SeqCst), 0);
            assert_eq!(by_text(&runs, Some(&long[1..])).await, Ok(0), "512 bytes fit");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_scope_separates_tenants() {
    let (runs, runtime) = (AtomicU32::new(0), alone());
    runtime
        .scope(async {
            assert_eq!(by_tenant(&runs, Some("a"), "7").await, Ok(0));
            assert_eq!(by_tenant(&runs, Some("b"), "7").await, Ok(1));
            assert_eq!(by_tenant(&runs, Some("a"), "7").await, Ok(0));
            assert_eq!(by_tenant(&runs, Some("ab"), "c").await, Ok(2));
            assert_eq!(by_tenant(&runs, Some("a"), "bc").await, Ok(3), "the parts do not run together");
        })
        .await;
}

#[idempotent(key = (region, id), fingerprint = cents)]
async fn by_parts(region: &str, id: uuid::Uuid, cents: f64) -> Result<u32, Error> {
    let _ = (region, id, cents);
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn operators_see_the_key_as_it_was_written() {
    let runtime = alone();
    let id = uuid::Uuid::from_u128(7);
    assert_eq!(runtime.scope(by_parts("eu", id, 1.5)).await, Ok(1));
    let entry = record(&runtime, "keys::by_parts", &("eu", id)).await.expect("a record");
    assert_eq!(entry.site, "idempotent::keys::by_parts");
    assert_eq!(entry.text, "eu/00000000-0000-0000-0000-000000000007");
    assert_eq!(
        runtime.scope(by_parts("eu", id, 2.5)).await.map_err(|error| error.kind()),
        Err(Kind::KeyReused)
    );
}

thread_local! {
    static EVALUATED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

#[idempotent(key = shop.lock().unwrap().0, scope = shop.lock().unwrap().1, fingerprint = *shop.lock().unwrap())]
async fn by_shop(shop: &Mutex<(u32, u32)>) -> Result<u32, Error> {
    Ok(shop.lock().unwrap().0)
}

/// What one of them holds is let go before the next is evaluated.
#[tokio::test(start_paused = true)]
async fn expressions_may_lock_the_same_thing() {
    let shop = Mutex::new((1, 7));
    assert_eq!(alone().scope(by_shop(&shop)).await, Ok(1));
}

/// Notes that an expression was evaluated, and when.
fn note<T>(name: &'static str, value: T) -> T {
    EVALUATED.with_borrow_mut(|all| all.push(name));
    value
}

#[retry(attempts = 3, backoff = none)]
#[idempotent(scope = note("scope", "a"), key = note("key", 7), fingerprint = note("fingerprint", 1))]
async fn noted(service: &Service) -> Reply {
    note("body", ());
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn expressions_are_evaluated_once_in_written_order_before_any_policy_acts() {
    EVALUATED.take();
    let (service, runtime) = (Service::new([Transient, Transient, Good]), alone());
    let call = runtime.scope(noted(&service));
    assert_eq!(EVALUATED.take(), [""; 0], "not before the first poll");
    assert_eq!(call.await, Ok(3));
    assert_eq!(EVALUATED.take(), ["scope", "key", "fingerprint", "body", "body", "body"]);
    assert_eq!(runtime.scope(noted(&service)).await, Ok(3));
    assert_eq!(EVALUATED.take(), ["scope", "key", "fingerprint"]);
}

type Seen = Mutex<Vec<(Option<IdempotencyKey>, Option<u64>)>>;

fn look(seen: &Seen) {
    seen.lock().expect("no panic").push((context::idempotency_key(), context::fencing_token()));
}

#[idempotent(key = id)]
#[retry(attempts = 3, backoff = none)]
async fn claimed_once(service: &Service, id: u64, seen: &Seen) -> Reply {
    look(seen);
    tokio::task::yield_now().await;
    look(seen);
    service.call().await
}

#[retry(attempts = 3, backoff = none)]
#[idempotent(key = id)]
async fn claimed_each_time(service: &Service, id: u64, seen: &Seen) -> Reply {
    look(seen);
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn the_key_is_the_same_for_every_attempt_and_the_fence_rises_with_every_claim() {
    let runtime = alone();
    let (service, seen) = (Service::new([Transient, Transient, Good]), Seen::default());
    assert_eq!(runtime.scope(claimed_once(&service, 7, &seen)).await, Ok(3));
    let expected =
        IdempotencyKey::of("idempotent::keys::claimed_once", None::<&str>, &7).expect("a good key");
    let all = seen.into_inner().expect("no panic");
    assert_eq!(all.len(), 6);
    assert!(all.iter().all(|(key, fence)| *key == Some(expected) && fence == &all[0].1), "{all:?}");

    let (service, seen) = (Service::new([Transient, Transient, Good]), Seen::default());
    assert_eq!(runtime.scope(claimed_each_time(&service, 7, &seen)).await, Ok(3));
    let all = seen.into_inner().expect("no panic");
    assert!(all.iter().all(|(key, _)| *key == all[0].0 && key.is_some()));
    assert!(all[0].1 < all[1].1 && all[1].1 < all[2].1, "{all:?}");
    assert_eq!((context::idempotency_key(), context::fencing_token()), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_key_can_be_computed() {
    #[idempotent(key = order % 10, scope = tenant & 3, fingerprint = order / 10 + 1)]
    async fn call(order: u64, tenant: u8) -> Result<u64, resilience::Error> {
        Ok(order)
    }
    let test = async {
        assert_eq!(call(17, 1).await, Ok(17));
        assert_eq!(call(17, 1).await, Ok(17));
        assert_eq!(call(27, 1).await.map_err(|error| error.kind()), Err(resilience::Kind::KeyReused));
        assert_eq!(call(27, 2).await, Ok(27));
    };
    resilience::Runtime::builder().memory().build().scope(test).await;
}
