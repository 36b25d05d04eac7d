//! Keys that a caller may leave out.

use std::sync::Mutex;
use std::time::Duration;

use resilience::{Error, Kind, Pool, bulkhead, context, hedge, idempotent, retry};

use crate::support::{Fault, Good, Reply, Service, Transient, after, events, timed, word};
use crate::{alone, record};

#[idempotent(key = key, optional)]
#[retry(attempts = 3, backoff = none)]
async fn pays(service: &Service, key: Option<&str>) -> Reply {
    assert_eq!(context::idempotency_key().is_some(), key.is_some());
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_key_runs_once_and_leaves_nothing() {
    let (service, runtime) = (Service::new([Good]), alone());
    runtime
        .scope(async {
            assert_eq!(pays(&service, None).await, Ok(1));
            assert_eq!(pays(&service, None).await, Ok(2), "nothing is replayed");
            assert_eq!(pays(&service, Some("7")).await, Ok(3));
            assert_eq!(pays(&service, Some("7")).await, Ok(3));
        })
        .await;
    assert!(record(&runtime, "optional::pays", &"7").await.is_some());
    assert_eq!(runtime.operator().find("", 10).await.expect("memory answers"), []);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_key_is_not_repeated() {
    let (service, runtime) = (Service::new([Transient, Good]), alone());
    events::record();
    assert_eq!(runtime.scope(pays(&service, None)).await, Err(Fault::Transient(1)));
    assert!(events::take().iter().any(|event| event.contains("a call without a key is not repeated")));
    service.now([Transient, Good]);
    assert_eq!(runtime.scope(pays(&service, Some("8"))).await, Ok(3));
}

/// A key that is there has to be one.
#[tokio::test(start_paused = true)]
async fn an_empty_key_is_not_a_missing_one() {
    let (service, runtime) = (Service::new([Good]), alone());
    for key in ["", " ", "\t\n"] {
        assert_eq!(word(&runtime.scope(pays(&service, Some(key))).await), "InvalidKey 0", "{key:?}");
    }
    assert_eq!(service.executions(), 0);
}

#[retry(attempts = 3, backoff = none)]
#[idempotent(key = key, optional)]
async fn retried_above(service: &Service, key: Option<u64>) -> Reply {
    service.call().await
}

#[retry(attempts = 3, backoff = none, repeatable = "it only reads")]
#[idempotent(key = (1, key), optional)]
#[retry(attempts = 2, backoff = none, nested = repeat)]
async fn of_parts(service: &Service, key: Option<u64>) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn no_retry_in_the_stack_repeats_it() {
    let (service, runtime) = (Service::new([Transient]), alone());
    assert_eq!(runtime.scope(retried_above(&service, None)).await, Err(Fault::Transient(1)));
    assert_eq!(runtime.scope(of_parts(&service, None)).await, Err(Fault::Transient(2)));
    assert_eq!(runtime.scope(retried_above(&service, Some(1))).await, Err(Fault::Transient(5)));
}

/// One around the function has reasons of its own.
#[tokio::test(start_paused = true)]
async fn a_retry_of_the_caller_repeats_the_call() {
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn caller(service: &Service) -> Reply {
        pays(service, None).await
    }

    let service = Service::new([Transient, Good]);
    assert_eq!(alone().scope(caller(&service)).await, Ok(2));
}

#[hedge(after = "50ms")]
#[bulkhead(max = 2, queue = 4)]
#[idempotent(key = key, reject, optional)]
#[hedge(after = "50ms")]
async fn hedged(service: &Service, key: Option<u64>) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn no_hedge_starts_beside_it() {
    let (service, runtime) = (Service::new([after(400, Good)]), alone());
    assert_eq!(timed(runtime.scope(hedged(&service, None))).await, (Ok(1), 400));
    assert_eq!(service.executions(), 1);
    let _ = runtime.scope(hedged(&service, Some(1))).await;
    assert_eq!(service.executions(), 3, "with a key it is hedged");
}

/// The second attempt of a hedge must not begin while the first one waits in the queue above.
#[tokio::test(start_paused = true)]
async fn a_call_that_waits_above_it_is_not_hedged() {
    #[hedge(after = "50ms")]
    #[bulkhead(max = 2, queue = 8)]
    #[idempotent(key = key, optional)]
    async fn queued(service: &Service, key: Option<u64>) -> Reply {
        service.call().await
    }

    let (service, runtime) = (Service::new([after(200, Good)]), alone());
    let call = || queued(&service, None);
    let (first, second, third) = runtime.scope(async { tokio::join!(call(), call(), call()) }).await;
    assert_eq!((first, second, third), (Ok(1), Ok(2), Ok(3)));
    assert_eq!(service.executions(), 3);
}

/// What says so gets over to the threads of a pool.
#[tokio::test]
async fn a_retry_on_a_pool_does_not_repeat_it() {
    static POOL: Pool = Pool::new("optional").threads(1);
    static RUNS: Mutex<Vec<Option<u64>>> = Mutex::new(Vec::new());

    #[idempotent(key = key, optional)]
    #[bulkhead(pool = POOL)]
    #[retry(attempts = 3, backoff = none)]
    async fn on_a_pool(key: Option<u64>) -> Reply {
        RUNS.lock().expect("no panic").push(key);
        tokio::time::sleep(Duration::from_millis(1)).await;
        Err(Fault::Transient(0))
    }

    let runtime = alone();
    assert_eq!(runtime.scope(on_a_pool(None)).await, Err(Fault::Transient(0)));
    assert_eq!(runtime.scope(on_a_pool(Some(1))).await, Err(Fault::Transient(0)));
    assert_eq!(*RUNS.lock().expect("no panic"), [None, Some(1), Some(1), Some(1)]);
}

#[idempotent(key = first, optional)]
#[idempotent(key = second, optional)]
#[retry(attempts = 2, backoff = none)]
async fn of_two(service: &Service, first: Option<u64>, second: Option<u64>) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn it_is_repeated_where_every_key_is_there() {
    let (service, runtime) = (Service::new([Transient]), alone());
    for (first, second, last) in [(None, Some(1), 1), (Some(2), None, 2), (Some(3), Some(4), 4)] {
        let reply = runtime.scope(of_two(&service, first, second)).await;
        assert_eq!(reply, Err(Fault::Transient(last)));
    }
}

#[idempotent(key = order)]
async fn required(order: Option<u64>) -> Result<u64, Error> {
    Ok(order.unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn without_the_word_a_key_is_required() {
    let error = alone().scope(required(None)).await.expect_err("no key");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::InvalidKey, false));
}

#[test]
fn the_manifest_says_so() {
    let optional = |name: &str| {
        let site = resilience::manifest().find(|site| site.name() == format!("idempotent::optional::{name}"));
        format!("{:?}", site.expect("it is listed").policies()).contains("optional: true")
    };
    assert!(optional("pays") && !optional("required"));
}
