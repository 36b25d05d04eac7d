//! Where a fallback can stand.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resilience::{context, fallback, retry, timeout};

use crate::count;
use crate::support::{Fault, Hang, Permanent, Reply, Service, Transient, pass, poll_times, timed};

trait Source {
    async fn read(&self) -> Reply;

    #[fallback(|_| Ok(self.preset()))]
    async fn read_or(&self) -> Reply {
        self.read().await
    }

    fn preset(&self) -> u32;
}

impl Source for Service {
    #[fallback(|_| Ok(self.preset() + 1), when = |error| matches!(error, Fault::Permanent(_)))]
    async fn read(&self) -> Reply {
        self.call().await
    }

    fn preset(&self) -> u32 {
        50
    }
}

#[async_trait::async_trait]
trait Boxed: Send + Sync {
    async fn boxed(&self, name: String) -> Reply;
}

#[async_trait::async_trait]
impl Boxed for Service {
    #[fallback(async |_| { pass(1).await; Ok(self.preset() + count(&name)) })]
    #[timeout(ms = 100)]
    async fn boxed(&self, name: String) -> Reply {
        drop(name);
        self.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn methods_of_traits() {
    let service = Service::new([Permanent, Transient]);
    assert_eq!(service.read_or().await, Ok(51));
    assert_eq!(service.read_or().await, Ok(50));
    let service: Box<dyn Boxed> = Box::new(Service::new([Hang]));
    assert_eq!(timed(service.boxed("tea".to_owned())).await, (Ok(53), 101));
}

#[tokio::test(start_paused = true)]
async fn generic_functions() {
    #[fallback(|_| Ok(T::default()))]
    async fn parse<T: std::str::FromStr + Default>(text: &str) -> Result<T, T::Err> {
        text.parse()
    }
    assert!(matches!(parse::<u8>("7").await, Ok(7)));
    assert!(matches!(parse::<u8>("seven").await, Ok(0)));
    assert!(parse::<f64>("x").await.is_ok_and(|zero| zero == 0.0));
}

/// Nothing is asked of an error type that no other policy asks.
#[tokio::test(start_paused = true)]
async fn any_error_type() {
    struct Plain;
    #[fallback(|Plain| Ok(1))]
    #[retry(attempts = 2, repeatable, when = |_| true)]
    async fn call() -> Result<u32, Plain> {
        Err(Plain)
    }
    assert!(matches!(call().await, Ok(1)));
}

#[test]
fn it_does_nothing_until_it_is_polled() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    #[fallback(|_| { ASKED.fetch_add(1, Ordering::SeqCst); Ok(1) })]
    async fn call() -> Reply {
        Err(Fault::Transient(0))
    }
    drop(call());
    assert_eq!(ASKED.load(Ordering::SeqCst), 0);
    assert_eq!(poll_times(call(), 1), Some(Ok(1)));
    assert_eq!(ASKED.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_the_callers_again() {
    #[fallback(async |_| { assert_eq!(context::deadline(), None); Ok(0) })]
    #[timeout(ms = 100)]
    async fn call() -> Reply {
        assert!(
            context::deadline()
                .is_some_and(|at| at - tokio::time::Instant::now() <= Duration::from_millis(100))
        );
        std::future::pending().await
    }
    assert_eq!(call().await, Ok(0));
}
