//! Fallbacks that are awaited.

use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{Kind, fallback, retry, timeout};

use crate::support::{
    Fault, Good, Hang, Permanent, Reply, Service, Transient, dropped_after, kind, pass, poll_times, timed,
};
use crate::{count, told};

async fn stale(error: Fault) -> Reply {
    pass(50).await;
    told(&error)
}

struct Cache(u32);

impl Cache {
    async fn read(&self, error: &Fault) -> Reply {
        pass(20).await;
        told(error).map(|told| told + self.0)
    }

    /// Of the method's own object.
    #[fallback(async |error| self.read(&error).await)]
    #[timeout(ms = 500)]
    async fn fetch(&self, service: &Service) -> Reply {
        service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_path_is_awaited() {
    #[fallback(async stale)]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(timed(call(&Service::new([Hang]))).await, (Ok(401), 550));
    assert_eq!(timed(call(&Service::new([Good]))).await, (Ok(1), 0));
}

#[tokio::test(start_paused = true)]
async fn so_is_a_closure_with_its_block() {
    #[fallback(async |error| {
        pass(10).await;
        match error {
            Fault::Transient(_) => stale(error).await,
            error => Err(error),
        }
    })]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(timed(call(&Service::new([Transient]))).await, (Ok(101), 60));
    assert_eq!(timed(call(&Service::new([Permanent]))).await, (Err(Fault::Permanent(1)), 10));
}

#[tokio::test(start_paused = true)]
async fn it_borrows_over_its_await() {
    #[fallback(async |error| { pass(5).await; cache.read(&error).await.map(|read| read + count(&name)) })]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn call(service: &Service, cache: &Cache, name: String) -> Reply {
        assert_eq!(name, "tea");
        drop(name);
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(timed(call(&service, &Cache(1_000), "tea".to_owned())).await, (Ok(1_105), 25));
    assert_eq!(timed(Cache(1_000).fetch(&Service::new([Hang]))).await, (Ok(1_401), 520));
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_cuts_it_too() {
    #[timeout(ms = 100)]
    #[fallback(async |_| std::future::pending().await)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let (reply, ms) = timed(call(&Service::new([Transient]))).await;
    assert_eq!((kind(reply), ms), (Kind::Timeout, 100));
}

#[tokio::test(start_paused = true)]
async fn it_is_dropped_with_its_caller() {
    static BEGUN: AtomicU32 = AtomicU32::new(0);
    static ENDED: AtomicU32 = AtomicU32::new(0);
    #[fallback(async |_| { BEGUN.fetch_add(1, Ordering::SeqCst); pass(50).await; ENDED.fetch_add(1, Ordering::SeqCst); Ok(0) })]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(dropped_after(10, call(&Service::new([Transient]))).await, None);
    assert_eq!((BEGUN.load(Ordering::SeqCst), ENDED.load(Ordering::SeqCst)), (1, 0));
}

/// The fallback keeps a reference count over its await.
#[test]
fn it_may_be_local_to_a_thread() {
    use std::rc::Rc;

    #[fallback(async |_| { let one = Rc::new(1); std::future::ready(()).await; Ok(*one) })]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(poll_times(call(&Service::new([Transient])), 1), Some(Ok(1)));
}

/// The error is not `Send`, and nobody keeps it over an await.
#[test]
fn it_is_send_where_body_and_fallback_are() {
    fn is_send<T: Send>(_: T) {}
    struct Local(std::rc::Rc<()>);

    #[fallback(|Local(count)| Ok(std::rc::Rc::strong_count(&count)))]
    async fn at_once() -> Result<usize, Local> {
        std::future::ready(()).await;
        Err(Local(std::rc::Rc::default()))
    }
    is_send(at_once());
    is_send(Cache(1).fetch(&Service::new([Good])));
    assert!(poll_times(at_once(), 1).is_some_and(|reply| matches!(reply, Ok(1))));
}
