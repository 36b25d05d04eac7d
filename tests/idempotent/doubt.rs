//! Operations that were interrupted, and claims that outlive or lose their lease.

use std::sync::Mutex;
use std::time::Duration;

use resilience::{EntryState, Error, Failure, Kind, context, idempotent, retry, timeout};

use crate::support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Transient, after, dropped_after, events, kind, pass,
    poll_times, rejected, timed,
};
use crate::{alone, record};

#[idempotent(key = id, lease = "6s")]
#[timeout(ms = 20_000)]
async fn book(service: &Service, id: u64, fences: &Mutex<Vec<u64>>) -> Reply {
    fences.lock().expect("no panic").extend(context::fencing_token());
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_operation_is_in_doubt_at_once_and_run_again() {
    for step in [Hang, Panic, after(100, Panic)] {
        events::record();
        let service: &'static Service = Box::leak(Box::new(Service::new([step, Good])));
        let fences: &'static Mutex<_> = Box::leak(Box::default());
        let runtime = alone();
        let first = tokio::spawn(runtime.scope(dropped_after(200, book(service, 7, fences))));
        let _ = first.await; // the panic is the test's own
        assert_eq!(events::take(), ["in_doubt"]);
        let entry = record(&runtime, "doubt::book", &7).await.expect("a record");
        assert_eq!((entry.state, entry.attempt), (EntryState::InDoubt, 1));
        assert_eq!(timed(runtime.scope(book(service, 7, fences))).await, (Ok(2), 0));
        let entry = record(&runtime, "doubt::book", &7).await.expect("a record");
        assert_eq!((entry.state, entry.attempt), (EntryState::Done, 2));
        let fences = fences.lock().expect("no panic");
        assert!(fences[0] < fences[1] && fences[1] == entry.fence, "{fences:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_timeout_leaves_it_in_doubt() {
    let (service, fences, runtime) = (Service::new([Hang, Good]), Mutex::default(), alone());
    let error = rejected(runtime.scope(book(&service, 7, &fences)).await);
    assert_eq!((error.kind(), error.may_have_run()), (Kind::Timeout, true));
    let state = record(&runtime, "doubt::book", &7).await.map(|entry| entry.state);
    assert_eq!(state, Some(EntryState::InDoubt));
    assert_eq!(runtime.scope(book(&service, 7, &fences)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn a_body_longer_than_its_lease_keeps_its_claim() {
    let (service, fences, runtime) = (Service::new([after(19_000, Good)]), Mutex::default(), alone());
    runtime
        .scope(async {
            let watch = async {
                for _ in 0..18 {
                    pass(1_000).await;
                    let entry = record(&runtime, "doubt::book", &7).await.expect("a record");
                    assert_eq!(entry.state, EntryState::Running);
                }
                book(&service, 7, &fences).await
            };
            let (first, second) = tokio::join!(book(&service, 7, &fences), watch);
            assert_eq!((first, second), (Ok(1), Ok(1)));
        })
        .await;
}

/// Not polled, it cannot renew: as if its thread, or its host, stood still.
#[tokio::test(start_paused = true)]
async fn a_claim_that_lapses_is_taken_over_and_its_late_owner_is_told() {
    let (service, fences, runtime) = (Service::new([after(1_000, Good), Good]), Mutex::default(), alone());
    let mut late = Box::pin(runtime.scope(book(&service, 7, &fences)));
    assert!(poll_times(late.as_mut(), 1).is_none());
    pass(1).await;
    let (second, took) = timed(runtime.scope(book(&service, 7, &fences))).await;
    assert_eq!((second, took), (Ok(2), 5_999), "a duplicate waits for the lease, and then runs");
    let lost = rejected(late.await);
    assert_eq!((lost.kind(), lost.may_have_run()), (Kind::LeaseLost, true));
    assert_eq!(runtime.scope(book(&service, 7, &fences)).await, Ok(2), "nothing was overwritten");
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_lapses_and_that_nobody_takes_is_still_its_owners() {
    let (service, fences, runtime) = (Service::new([after(1_000, Good)]), Mutex::default(), alone());
    let mut late = Box::pin(runtime.scope(book(&service, 7, &fences)));
    assert!(poll_times(late.as_mut(), 1).is_none());
    pass(10_000).await;
    let state = record(&runtime, "doubt::book", &7).await.map(|entry| entry.state);
    assert_eq!(state, Some(EntryState::InDoubt));
    assert_eq!(late.await, Ok(1));
    assert_eq!(runtime.scope(book(&service, 7, &fences)).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn an_operator_can_take_a_lapsed_claim_from_its_owner() {
    let (service, fences, runtime) = (Service::new([after(1_000, Good), Good]), Mutex::default(), alone());
    let mut late = Box::pin(runtime.scope(book(&service, 7, &fences)));
    assert!(poll_times(late.as_mut(), 1).is_none());
    pass(10_000).await;
    let entry = record(&runtime, "doubt::book", &7).await.expect("a record");
    assert!(runtime.operator().forget(entry.key, entry.fence).await.expect("memory answers"));
    assert_eq!(kind(late.await), Kind::LeaseLost);
    assert_eq!(record(&runtime, "doubt::book", &7).await, None, "a late owner writes nothing");
}

#[derive(Debug, PartialEq, thiserror::Error, Failure)]
enum Sure {
    #[error("the line was never opened")]
    #[failure(transient, not_run)]
    NotSent,
    #[error("lost")]
    #[failure(transient)]
    Lost,
    #[error(transparent)]
    #[failure(policy)]
    Policy(Error),
}

#[idempotent(key = "once", guarantee = at_most_once, lease = "6s")]
#[timeout(ms = 500)]
async fn once(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn at_most_once_reports_whatever_may_have_run() {
    for step in [Hang, Transient, Permanent, Panic, after(100, Panic)] {
        let service: &'static Service = Box::leak(Box::new(Service::new([step.clone(), Good])));
        let runtime = alone();
        let first = tokio::spawn(runtime.scope(once(service)));
        let _ = first.await; // the panic is the test's own
        for _ in 0..2 {
            let error = rejected(runtime.scope(once(service)).await);
            assert_eq!((error.kind(), error.may_have_run()), (Kind::OutcomeUnknown, false), "{step:?}");
        }
        pass(48 * 3_600_000).await; // beyond the lease and the ttl
        assert_eq!(kind(runtime.scope(once(service)).await), Kind::OutcomeUnknown);
        assert_eq!(service.executions(), 1);
        let doubts = runtime.operator().in_doubt(10).await.expect("memory answers");
        let [entry] = &doubts[..] else { panic!("one: {doubts:?}") };
        assert!(runtime.operator().resolve(entry.key, entry.fence, &7).await.expect("memory answers"));
        assert_eq!(runtime.scope(once(service)).await, Ok(7));
    }
}

#[tokio::test(start_paused = true)]
async fn at_most_once_replays_what_completed() {
    let (service, runtime) = (Service::new([after(100, Good)]), alone());
    let both = async { tokio::join!(once(&service), once(&service)) };
    assert_eq!(runtime.scope(both).await, (Ok(1), Ok(1)));
    assert_eq!(runtime.scope(once(&service)).await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn at_most_once_who_waits_is_told_of_the_doubt_at_once() {
    let service: &'static Service = Box::leak(Box::new(Service::new([Hang])));
    let runtime = alone();
    let (second, took) = timed(runtime.scope(async {
        let first = resilience::spawn(dropped_after(300, once(service)));
        pass(1).await;
        let second = once(service).await;
        first.await.expect("no panic");
        second
    }))
    .await;
    assert_eq!((kind(second), took), (Kind::OutcomeUnknown, 300));
}

#[idempotent(key = "sure", guarantee = at_most_once, store_errors)]
async fn sure(script: &Mutex<Vec<Kept>>) -> Result<u32, Kept> {
    Err(script.lock().expect("no panic").remove(0))
}

/// `store_errors` asks what errors mean. These are transient, and so never stored.
#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure, serde::Serialize, serde::Deserialize)]
enum Kept {
    #[error("the line was never opened")]
    #[failure(transient, not_run)]
    NotSent,
    #[error("lost")]
    #[failure(transient)]
    Lost,
    #[error(transparent)]
    #[failure(policy)]
    Policy(Error),
}

#[tokio::test(start_paused = true)]
async fn a_claim_is_released_when_no_attempt_may_have_run() {
    let script = Mutex::new(vec![Kept::NotSent, Kept::NotSent, Kept::Lost]);
    let runtime = alone();
    for expected in [Kept::NotSent, Kept::NotSent, Kept::Lost] {
        assert_eq!(runtime.scope(sure(&script)).await, Err(expected));
    }
    let unknown = runtime.scope(sure(&script)).await;
    assert!(matches!(unknown, Err(Kept::Policy(error)) if error.kind() == Kind::OutcomeUnknown));
}

#[idempotent(key = "backoff")]
#[retry(attempts = 3, backoff = fixed("1s"), jitter = none)]
async fn not_sent(script: &Mutex<Vec<Sure>>) -> Result<u32, Sure> {
    Err(script.lock().expect("no panic").remove(0))
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_before_anything_was_sent_leaves_no_doubt() {
    events::record();
    for (first, state) in [(Sure::NotSent, EntryState::Released), (Sure::Lost, EntryState::InDoubt)] {
        let (script, runtime) = (Mutex::new(vec![first]), alone());
        assert!(
            dropped_after(500, runtime.scope(not_sent(&script))).await.is_none(),
            "it left in the backoff"
        );
        let entry = record(&runtime, "doubt::not_sent", &"backoff").await.expect("a record");
        assert_eq!(entry.state, state);
        let doubts = events::take().iter().filter(|event| *event == "in_doubt").count();
        assert_eq!(doubts, usize::from(state == EntryState::InDoubt));
    }
}

/// Without `store_errors`, and without any other policy that asks.
#[idempotent(key = "plainly sure", guarantee = at_most_once)]
async fn plainly_sure(script: &Mutex<Vec<Sure>>) -> Result<u32, Sure> {
    Err(script.lock().expect("no panic").remove(0))
}

#[tokio::test(start_paused = true)]
async fn also_where_only_the_ledger_asks_what_an_error_means() {
    let script = Mutex::new(vec![Sure::NotSent, Sure::Lost]);
    let runtime = alone();
    for expected in [Sure::NotSent, Sure::Lost] {
        assert_eq!(runtime.scope(plainly_sure(&script)).await, Err(expected));
    }
    let unknown = runtime.scope(plainly_sure(&script)).await;
    assert!(matches!(unknown, Err(Sure::Policy(error)) if error.kind() == Kind::OutcomeUnknown));
}

#[idempotent(key = "outer")]
async fn outer(service: &Service) -> Reply {
    inner(service).await
}

#[timeout(ms = 100)]
async fn inner(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn what_was_cut_inside_the_body_may_be_run_again() {
    let (service, runtime) = (Service::new([Hang, Good]), alone());
    assert_eq!(kind(runtime.scope(outer(&service)).await), Kind::Timeout);
    assert_eq!(runtime.scope(outer(&service)).await, Ok(2));
    let age = record(&runtime, "doubt::outer", &"outer").await.expect("a record").age;
    assert_eq!(age, Duration::ZERO);
    assert_ne!(runtime.scope(outer(&service)).await, Err(Fault::Transient(1)));
}
