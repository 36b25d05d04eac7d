//! What becomes of a fallback that fails, and of a call that goes away.

use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{circuit_breaker, context, fallback, policies, retry, timeout};

use crate::support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Transient, dropped_after, events, pass,
};
use crate::told;

#[tokio::test(start_paused = true)]
async fn its_error_is_returned_and_the_first_one_is_told() {
    #[fallback(|_| Err(Fault::Permanent(99)))]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        let reply = service.call().await;
        assert!(!context::degraded());
        reply
    }
    events::record();
    assert_eq!(call(&Service::new([Transient])).await, Err(Fault::Permanent(99)));
    assert_eq!(events::take(), ["degraded Transient"], "nothing in this stack asks, and the type says it");
    assert_eq!(call(&Service::new([Hang])).await, Err(Fault::Permanent(99)));
    assert_eq!(events::take(), ["rejected Timeout", "degraded Timeout"]);
    assert_eq!(call(&Service::new([Good])).await, Ok(1));
    assert!(events::take().is_empty());
}

/// An error that says nothing of what it means.
#[tokio::test(start_paused = true)]
async fn the_event_names_no_class_where_there_is_none() {
    #[derive(Debug, PartialEq)]
    struct Silent;
    #[fallback(|_| Ok(7))]
    async fn call() -> Result<u32, Silent> {
        Err(Silent)
    }
    events::record();
    assert_eq!(call().await, Ok(7));
    assert_eq!(events::take(), ["degraded unknown"]);
}

#[tokio::test(start_paused = true)]
async fn the_event_names_the_class_where_the_stack_knows_it() {
    #[policies(name = "shop.price")]
    #[fallback(|error| told(&error))]
    #[circuit_breaker(failure_rate = 0.5)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Permanent]);
    assert_eq!((call(&service).await, call(&service).await), (Ok(101), Ok(202)));
    assert_eq!(events::take(), ["degraded Transient", "degraded Permanent"]);
    assert_eq!(call(&service).await, Ok(203));
    assert_eq!(events::sites(), ["shop.price"]);
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "of the fallback")]
async fn its_panic_is_a_panic() {
    #[fallback(|_| panic!("of the fallback"))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let _ = call(&Service::new([Transient])).await;
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "scripted")]
async fn it_does_not_answer_a_panic() {
    #[fallback(|_| Ok(0))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let _ = call(&Service::new([Panic])).await;
}

#[tokio::test(start_paused = true)]
async fn a_dropped_caller_runs_none() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    #[fallback(|_| { ASKED.fetch_add(1, Ordering::SeqCst); Ok(0) })]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(dropped_after(100, call(&Service::new([Hang]))).await, None);
    pass(1_000).await;
    assert_eq!(ASKED.load(Ordering::SeqCst), 0);
}

/// What it says is an error of the body to those above.
#[tokio::test(start_paused = true)]
async fn a_retry_above_repeats_it() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[fallback(|_| Err(Fault::Transient(7)), when = |error| matches!(error, Fault::Permanent(_)))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Permanent]);
    assert_eq!(call(&service).await, Err(Fault::Transient(7)));
    assert_eq!(service.executions(), 3);
}
