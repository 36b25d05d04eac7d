//! Services of `tower`. Each task has a clone of one client, and so they share its state.

use std::hint::black_box;
use std::sync::{LazyLock, Mutex, PoisonError};

use tower::{Service, ServiceBuilder, ServiceExt, service_fn};
use tower_resilience::bulkhead::BulkheadLayer;
use tower_resilience::circuitbreaker::CircuitBreakerLayer;
use tower_resilience::retry::RetryLayer;
use tower_resilience::timelimiter::TimeLimiterLayer;

use crate::bodies::{Fault, Shape, body};
use crate::candidates::TWO_SECONDS;
use crate::measure::Calls;

type Client = LazyLock<Box<dyn Fn(Shape, u32) -> Calls + Send + Sync>>;

/// A service of any type, behind the question for so many calls of it.
fn client<S>(service: S) -> Box<dyn Fn(Shape, u32) -> Calls + Send + Sync>
where
    S: Service<Shape> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
{
    let service = Mutex::new(service);
    Box::new(move |shape, calls| {
        let mut client = service.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            for _ in 0..calls {
                let Ok(ready) = client.ready().await else { panic!("it is ready for every call") };
                black_box(ready.call(shape).await.is_ok());
            }
        })
    })
}

static RESILIENCE: Client = LazyLock::new(|| {
    let timeout = TimeLimiterLayer::builder().timeout_duration(TWO_SECONDS).build();
    let retry = RetryLayer::<Shape, u64, _>::builder().max_attempts(3).build();
    let breaker = CircuitBreakerLayer::builder().failure_rate_threshold(0.5).build();
    let bulkhead = BulkheadLayer::builder().max_concurrent_calls(64).build();
    let layers = ServiceBuilder::new()
        .layer(timeout)
        .layer(retry)
        .layer(breaker.expect("a rate"))
        .layer(bulkhead.expect("room"));
    client(layers.service(service_fn(|shape: Shape| async move { body(shape).await.map_err(Lost::from) })))
});

/// What repeats must be able to clone.
#[derive(Debug, Clone)]
struct Lost;

impl From<Fault> for Lost {
    fn from(_: Fault) -> Self {
        Self
    }
}

static PLAIN: Client = LazyLock::new(|| {
    let layers = ServiceBuilder::new().timeout(TWO_SECONDS).concurrency_limit(64);
    client(layers.service_fn(body))
});

pub(crate) fn resilience(shape: Shape, calls: u32) -> Calls {
    RESILIENCE(shape, calls)
}

pub(crate) fn plain(shape: Shape, calls: u32) -> Calls {
    PLAIN(shape, calls)
}
