//! Functions that return no `Result`.

use resilience::{Error, circuit_breaker, context, fallback, idempotent, retry, timeout};

use crate::support::{Fault, Good, Hang, Reply, Service, Transient, pass, timed};
use crate::told;

#[derive(Debug, Clone, Copy, PartialEq)]
struct Price {
    cents: u32,
    stale: bool,
}

const STALE: Price = Price { cents: 1, stale: true };

#[tokio::test(start_paused = true)]
async fn a_struct() {
    #[fallback(|error: Error| Price { cents: error.attempts(), ..STALE })]
    #[circuit_breaker(consecutive = 2)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[timeout(ms = 100)]
    async fn price(service: &Service) -> Price {
        let cents = service.call().await.unwrap_or(77);
        Price { cents, stale: false }
    }
    let service = Service::new([Good, Transient, Hang]);
    assert_eq!(price(&service).await, Price { cents: 1, stale: false });
    assert_eq!(price(&service).await, Price { cents: 77, stale: false }, "every run that ends is a success");
    assert_eq!(timed(price(&service)).await, (Price { cents: 3, ..STALE }, 300));
    assert_eq!(timed(price(&service)).await, (Price { cents: 3, ..STALE }, 300));
    assert_eq!(timed(price(&service)).await, (Price { cents: 0, ..STALE }, 0), "the breaker is open");
}

type Aliased = Result<u32, Fault>;

#[tokio::test(start_paused = true)]
async fn an_alias_of_a_result_is_a_result() {
    #[fallback(|error| told(&error))]
    #[timeout(ms = 100)]
    async fn call(service: &Service) -> Aliased {
        service.call().await
    }
    assert_eq!(call(&Service::new([Transient])).await, Ok(101));
    assert_eq!(call(&Service::new([Hang])).await, Ok(401));
}

#[tokio::test(start_paused = true)]
async fn what_is_visibly_no_result() {
    #[fallback(|_| 7)]
    #[timeout(ms = 100)]
    async fn number() -> u32 {
        std::future::pending().await
    }
    #[fallback(|_| None)]
    #[timeout(ms = 100)]
    async fn option(service: &Service) -> Option<u32> {
        let found = service.call().await.ok()?;
        Some(found)
    }
    #[fallback(|_| ())]
    #[timeout(ms = 100)]
    async fn nothing(service: &Service) {
        let _ = service.call().await;
    }
    #[fallback(|_| "nobody".to_owned())]
    #[timeout(ms = 100)]
    async fn opaque(service: &Service) -> impl std::fmt::Display + use<> {
        format!("{:?}", service.call().await)
    }
    #[fallback(|error| error.kind().to_string())]
    #[timeout(ms = 100)]
    fn boxed(hang: bool) -> std::pin::Pin<Box<dyn Future<Output = String> + Send>> {
        Box::pin(async move { if hang { std::future::pending().await } else { "here".to_owned() } })
    }
    assert_eq!(number().await, 7);
    assert_eq!(option(&Service::new([Good])).await, Some(1));
    assert_eq!(option(&Service::new([Hang])).await, None);
    assert_eq!(timed(nothing(&Service::new([Hang]))).await, ((), 100));
    assert_eq!(opaque(&Service::new([Hang])).await.to_string(), "nobody");
    assert_eq!(opaque(&Service::new([Good])).await.to_string(), "Ok(1)");
    assert_eq!((boxed(true).await.as_str(), boxed(false).await.as_str()), ("timed out", "here"));
}

#[tokio::test(start_paused = true)]
async fn of_a_type_parameter() {
    #[fallback(async |_| { pass(5).await; other })]
    #[timeout(ms = 100)]
    async fn first<T: Clone>(value: T, other: T, hang: bool) -> T {
        let _ = &other;
        if hang { std::future::pending().await } else { value }
    }
    assert_eq!(timed(first(1, 2, true)).await, (2, 105));
    assert_eq!(first("a", "b", false).await, "a");
    assert_eq!(first::<Reply>(Ok(1), Ok(2), true).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_marked() {
    #[fallback(|_| 0)]
    #[timeout(ms = 100)]
    async fn part(hang: bool) -> u32 {
        if hang { std::future::pending().await } else { 1 }
    }
    #[fallback(|_| (0, true))]
    #[timeout(ms = 1_000)]
    async fn page(hang: bool) -> (u32, bool) {
        (part(hang).await, context::degraded())
    }
    assert_eq!(page(false).await, (1, false));
    assert_eq!(page(true).await, (0, true));
}

#[tokio::test(start_paused = true)]
async fn a_ledger_keeps_it() {
    #[fallback(|error| error.attempts() + 100)]
    #[idempotent(key = key)]
    #[timeout(ms = 100)]
    async fn call(service: &Service, key: u32) -> u32 {
        service.call().await.expect("scripted")
    }
    let service = Service::new([Hang, Good]);
    let runtime = resilience::Runtime::builder().memory().build();
    runtime
        .scope(async {
            assert_eq!(call(&service, 1).await, 101);
            assert_eq!(call(&service, 1).await, 2, "the substitute was not kept");
            assert_eq!(call(&service, 1).await, 2);
        })
        .await;
    assert_eq!(service.executions(), 2);
}
