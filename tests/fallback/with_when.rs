//! What `when` accepts, and what becomes of the rest.

use resilience::{Kind, bulkhead, circuit_breaker, fallback, retry, timeout};

use crate::support::{Fault, Hang, Permanent, Reply, Service, Transient, kind, rejected, word};
use crate::{count, told};

fn is_down(error: &Fault) -> bool {
    matches!(error, Fault::Transient(_)) || is_cut(error)
}

fn is_cut(error: &Fault) -> bool {
    matches!(error, Fault::Policy(rejection) if rejection.kind() == Kind::Timeout)
}

#[tokio::test(start_paused = true)]
async fn only_what_it_accepts_is_answered() {
    #[fallback(|error| told(&error), when = is_down)]
    #[bulkhead(max = 1)]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Permanent, Hang, Hang]);
    assert_eq!(call(&service).await, Ok(101));
    assert_eq!(call(&service).await, Err(Fault::Permanent(2)));
    assert_eq!(call(&service).await, Ok(401));
    let (one, two) = tokio::join!(call(&service), call(&service));
    assert_eq!(one, Ok(401));
    let rejection = rejected(two);
    assert_eq!(rejection.kind(), Kind::BulkheadFull);
    assert!(!rejection.may_have_run());
}

/// A rejection that became an error of the body would be counted by its class.
#[tokio::test(start_paused = true)]
async fn what_it_does_not_accept_is_still_a_rejection_to_those_above() {
    #[retry(attempts = 3, backoff = none, repeatable, when = |_| true)]
    #[fallback(when = is_down, |error| told(&error))]
    #[circuit_breaker(consecutive = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(call(&service).await, Ok(101));
    assert_eq!(kind(call(&service).await), Kind::CircuitOpen);

    #[retry(attempts = 3, backoff = none, repeatable, when = |_| false)]
    #[fallback(|error| told(&error), when = |_| false)]
    #[timeout(ms = 100)]
    #[allow(clippy::items_after_statements, reason = "beside what it is for")]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(
        word(&cut(&service).await),
        "Timeout 3",
        "a timeout is repeated, whatever `when` says of errors"
    );
}

#[tokio::test(start_paused = true)]
async fn it_can_name_arguments() {
    #[fallback(|_| Ok(count(&name)), when = |_| !name.is_empty())]
    async fn call(service: &Service, name: String) -> Reply {
        drop(name);
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(call(&service, "tea".to_owned()).await, Ok(3));
    assert_eq!(call(&service, String::new()).await, Err(Fault::Transient(2)));
}

#[tokio::test(start_paused = true)]
async fn two_of_them() {
    #[fallback(|error| told(&error))]
    #[fallback(|_| Err(Fault::Permanent(9)), when = is_down)]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    assert_eq!(call(&Service::new([Transient])).await, Ok(209));
    assert_eq!(call(&Service::new([Permanent])).await, Ok(201));
}
