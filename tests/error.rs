//! The rejection as its receivers see it: in words, in JSON, in bytes.
#![allow(missing_docs)]

mod support;

use std::time::Duration;

use resilience::{Class, Error, Failure, Kind, circuit_breaker, policies, retry, timeout};
use support::{Fault, Good, Hang, Reply, Service, Transient, rejected};

#[policies(name = "shop.charge")]
#[timeout(ms = 500)]
#[retry(attempts = 2, backoff = none, repeatable)]
#[circuit_breaker(consecutive = 3, open_for = "4s")]
#[timeout(ms = 100)]
async fn charge(service: &Service) -> Reply {
    service.call().await
}

/// A timeout after one attempt, one after two, and a rejection before any.
async fn samples() -> [Error; 3] {
    resilience::Runtime::builder()
        .build()
        .scope(async {
            let service = Service::new([Hang]);
            let two = rejected(charge(&service).await);
            service.now([Hang, Good]);
            let _ = charge(&service).await;
            service.now([Transient, Transient, Transient]);
            let _ = charge(&service).await;
            let _ = charge(&service).await;
            let none = rejected(charge(&service).await);
            let one = rejected(once(&Service::new([Hang])).await);
            [one, two, none]
        })
        .await
}

#[policies(name = "shop.once")]
#[timeout(ms = 100)]
async fn once(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn says_where_and_why_and_whether_it_may_have_run() {
    let [one, two, none] = samples().await;
    assert_eq!(one.to_string(), "shop.once: timed out (it may have run)");
    assert_eq!(two.to_string(), "shop.charge: timed out (it may have run, in 2 attempts)");
    assert_eq!(none.to_string(), "shop.charge: the circuit breaker is open (it did not run)");
    assert_eq!(format!("{two:?}"), r#"Error { kind: Timeout, site: "shop.charge", attempts: 2 }"#);
    assert_eq!(
        format!("{none:?}"),
        r#"Error { kind: CircuitOpen, site: "shop.charge", attempts: 0, retry_after: 4s }"#
    );
}

#[tokio::test(start_paused = true)]
async fn survives_json() {
    for error in samples().await {
        let text = serde_json::to_string(&error).expect("it is serde");
        let back: Error = serde_json::from_str(&text).expect("its own text");
        assert_eq!(back, error);
        assert_eq!(
            (back.kind(), back.site(), back.attempts()),
            (error.kind(), error.site(), error.attempts())
        );
        assert_eq!(back.retry_after(), error.retry_after());
        assert_eq!(back.may_have_run(), error.may_have_run());
        assert_eq!(back.to_string(), error.to_string());
        assert_eq!(back.clone(), back);
    }
}

#[test]
fn is_small_and_goes_everywhere() {
    fn everywhere<T: Send + Sync + Unpin + std::error::Error + 'static>() {}
    everywhere::<Error>();
    assert!(size_of::<Error>() <= 24);
    assert!(size_of::<Result<(), Error>>() <= 24);
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_a_failure_of_its_own_class() {
    let [one, _, none] = samples().await;
    assert_eq!((Failure::class(&one), Failure::class(&none)), (Class::Rejected, Class::Rejected));
    assert!(Failure::may_have_run(&one) && !Failure::may_have_run(&none));
    assert_eq!(Failure::retry_after(&none), Some(Duration::from_secs(4)));
    let wrapped = Fault::Policy(none.clone());
    assert_eq!(wrapped.class(), Class::Rejected);
    assert_eq!(Failure::rejection(&wrapped), Some(&none));
    assert!(!Failure::may_have_run(&wrapped));
    assert_eq!(Failure::retry_after(&wrapped), Some(Duration::from_secs(4)));
}

#[test]
fn kinds_speak() {
    assert_eq!(Kind::Timeout.to_string(), "timed out");
    for (kind, words) in [
        (Kind::DeadlineExceeded, "the deadline that its caller set has passed"),
        (Kind::CircuitOpen, "the circuit breaker is open"),
        (Kind::BulkheadFull, "the bulkhead is full: too many calls run or wait already"),
        (Kind::RateLimited, "the rate limit is used up for now"),
        (Kind::BudgetExhausted, "the budget for repeats is used up"),
        (Kind::InProgress, "a call with the same key is still running"),
        (Kind::KeyReused, "the key was used before with other values"),
        (Kind::OutcomeUnknown, "an earlier call with this key was interrupted and may have taken effect"),
        (Kind::ResultNotKept, "an earlier call with this key succeeded, but its result was not kept"),
        (
            Kind::LeaseLost,
            "the right to run was lost: another call took it over, or it could not be renewed in time",
        ),
        (Kind::Conflict, "another transaction stands against this one, which is to be run again"),
        (Kind::Held, "the exclusive right is held by another"),
        (Kind::InvalidKey, "the key of this call cannot be used"),
        (Kind::NameClash, "several operations have one name"),
        (Kind::Store, "what is kept for this call could not be read or written"),
        (Kind::Injected, "a fault was injected on purpose"),
    ] {
        assert_eq!(kind.to_string(), words);
    }
}

/// A breaker that has opened at the first attempt of a call around it, or was open before.
mod around {
    use super::{Error, Kind, Reply, Service, circuit_breaker, retry};
    use resilience::{bulkhead, fallback, hedge, timeout};

    #[circuit_breaker(consecutive = 1, open_for = "1h")]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }

    #[bulkhead(max = 1)]
    async fn one_at_a_time(service: &Service) -> Reply {
        service.call().await
    }

    #[retry(attempts = 2, backoff = none, repeatable)]
    pub(super) async fn repeats(service: &Service) -> Reply {
        guarded(service).await
    }

    #[retry(attempts = 2, backoff = none, repeatable)]
    pub(super) async fn repeats_by_way_of_another(service: &Service) -> Reply {
        by_way(service).await
    }

    #[timeout(ms = 5_000)]
    async fn by_way(service: &Service) -> Reply {
        guarded(service).await
    }

    #[retry(attempts = 3, backoff = none, repeatable)]
    pub(super) async fn would_repeat(service: &Service) -> Reply {
        one_at_a_time(service).await
    }

    #[hedge(after = "10ms", repeatable)]
    pub(super) async fn races(service: &Service) -> Reply {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        guarded(service).await
    }

    pub(super) async fn busy(service: &Service, idle: &Service) -> Reply {
        let (_, reply) = tokio::join!(one_at_a_time(service), would_repeat(idle));
        reply
    }

    #[circuit_breaker(consecutive = 1, open_for = "1h")]
    async fn connects() -> std::io::Result<()> {
        Err(std::io::ErrorKind::ConnectionRefused.into())
    }

    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn connects_again() -> std::io::Result<()> {
        connects().await
    }

    pub(super) async fn connects_twice() -> Error {
        let error = connects_again().await.expect_err("rejected");
        resilience::Failure::rejection(&error).cloned().expect("by the breaker")
    }

    #[fallback(async |_error| guarded(service).await)]
    pub(super) async fn answers_later(service: &Service) -> Reply {
        guarded(service).await
    }

    #[hedge(after = "10ms", repeatable)]
    pub(super) async fn races_from_the_start(service: &Service) -> Reply {
        let _ = guarded(service).await;
        guarded(service).await
    }

    pub(super) fn seen(error: &Error) -> (Kind, u32, bool) {
        (error.kind(), error.attempts(), error.may_have_run())
    }
}

/// What a rejection says of attempts around it. The attempts that it counts are the function's own.
#[tokio::test(start_paused = true)]
async fn an_earlier_attempt_further_out_may_have_run() {
    let runtime = || resilience::Runtime::builder().build();
    let failing = || Service::new([Transient]);
    let first = runtime().scope(around::repeats(&failing())).await;
    assert_eq!(around::seen(&rejected(first)), (Kind::CircuitOpen, 0, true));
    let both = runtime()
        .scope(async {
            let _ = around::repeats(&failing()).await;
            around::repeats(&failing()).await
        })
        .await;
    assert_eq!(around::seen(&rejected(both)), (Kind::CircuitOpen, 0, false), "open all the time");
    let deeper = runtime().scope(around::repeats_by_way_of_another(&failing())).await;
    assert_eq!(around::seen(&rejected(deeper)), (Kind::CircuitOpen, 0, true));
    let busy = Service::new([support::after(1_000, Good)]);
    let never = runtime().scope(around::busy(&busy, &Service::new([Good]))).await;
    assert_eq!(
        around::seen(&rejected(never)),
        (Kind::BulkheadFull, 0, false),
        "a full bulkhead is not asked again"
    );
    let refused = runtime().scope(around::connects_twice()).await;
    assert_eq!(around::seen(&refused), (Kind::CircuitOpen, 0, false), "nobody was there, and it did not run");
    let later = runtime().scope(around::answers_later(&failing())).await;
    assert_eq!(
        around::seen(&rejected(later)),
        (Kind::CircuitOpen, 0, true),
        "the attempt is over, and has run"
    );
    let early = runtime().scope(around::races_from_the_start(&Service::new([Transient]))).await;
    assert!(rejected(early).may_have_run(), "another may run beside it");
    let beside = Service::new([support::after(5, Transient)]);
    let beside = runtime().scope(around::races(&beside)).await;
    let error = rejected(beside);
    assert_eq!(around::seen(&error), (Kind::CircuitOpen, 0, true), "the other attempt has run");
    let text = error.to_string();
    assert!(text.ends_with("(it may have run, in an earlier attempt)"), "{text}");
    let read: Error = serde_json::from_str(&serde_json::to_string(&error).expect("JSON")).expect("itself");
    assert!(read == error && read.may_have_run());
}
