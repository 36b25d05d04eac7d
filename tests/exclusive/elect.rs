//! Who runs, and what becomes of the right.

use std::sync::Mutex;
use std::time::Duration;

use resilience::{EntryState, Exclusive, Kind, context, exclusive};

use crate::support::{
    Fault, Good, Hang, Panic, Permanent, Reply, Service, Transient, after, dropped_after, events, kind, pass,
    poll_times, rejected, timed,
};
use crate::{Paused, alone, record};

#[exclusive]
async fn job(service: &Service) -> Reply {
    service.call().await
}

#[exclusive(key = region, lease = "6s")]
async fn regional(service: &Service, region: &str) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn one_runs_and_the_other_is_told_for_how_long() {
    let (service, runtime) = (Service::new([after(5_000, Good)]), alone());
    runtime
        .scope(async {
            let second = async {
                pass(1_000).await;
                timed(job(&service)).await
            };
            let (first, (second, took)) = tokio::join!(job(&service), second);
            let error = rejected(second);
            assert_eq!((first, error.kind(), took), (Ok(1), Kind::Held, 0));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(9)), "the rest of the lease");
            assert!(!error.may_have_run());
            assert_eq!(
                error.to_string(),
                "exclusive::elect::job: the exclusive right is held by another (it did not run)"
            );
        })
        .await;
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_key_is_a_right_of_its_own() {
    let (service, runtime) = (Service::new([after(300, Good)]), alone());
    let (north, south, again) = runtime
        .scope(async {
            tokio::join!(
                regional(&service, "north"),
                regional(&service, "south"),
                regional(&service, "north")
            )
        })
        .await;
    assert_eq!((north, south, kind(again)), (Ok(1), Ok(2), Kind::Held));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_the_first_poll() {
    let (service, runtime) = (Service::new([Good]), alone());
    runtime
        .scope(async {
            let first = job(&service);
            assert_eq!(job(&service).await, Ok(1));
            assert_eq!(first.await, Ok(2));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn whatever_its_end_the_next_one_runs_at_once() {
    for step in [Good, Transient, Permanent] {
        let (service, runtime) = (Service::new([step, Good]), alone());
        runtime
            .scope(async {
                let _ = job(&service).await;
                assert_eq!(job(&service).await, Ok(2));
            })
            .await;
        let entry =
            record(&runtime, "exclusive::elect::job", "exclusive::elect::job").await.expect("a record");
        assert_eq!((entry.state, entry.attempt), (EntryState::Released, 2));
        assert_eq!(
            (entry.site.as_str(), entry.text.as_str()),
            ("exclusive exclusive::elect::job", "exclusive::elect::job")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_or_panics_gives_the_right_back() {
    for step in [Hang, after(300, Panic)] {
        let service: &'static Service = Box::leak(Box::new(Service::new([step, Good])));
        let runtime = alone();
        runtime
            .scope(async {
                let first = resilience::spawn(dropped_after(300, job(service)));
                pass(1).await;
                assert_eq!(kind(job(service).await), Kind::Held);
                let _ = first.await; // the panic is the test's own
                assert_eq!(timed(job(service)).await, (Ok(2), 0), "the lease is not waited out");
            })
            .await;
    }
}

/// The same right as that of `watched`.
static WATCHED: Exclusive = Exclusive::new("exclusive::elect::watched");

/// Asks for the right while it is dropped.
struct Watch<'a>(&'a Mutex<Vec<Kind>>);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        let other: Option<Reply> = poll_times(WATCHED.run(async || Ok(1)), 1);
        self.0.lock().expect("no panic").push(kind(other.expect("at once")));
    }
}

#[exclusive(key = "exclusive::elect::watched")]
async fn watched(service: &Service, seen: &Mutex<Vec<Kind>>) -> Reply {
    let _watch = Watch(seen);
    service.call().await
}

/// Another one could begin in between.
#[tokio::test(start_paused = true)]
async fn a_body_is_gone_before_its_right_is() {
    let (service, seen, runtime) = (Service::new([Hang]), Mutex::default(), alone());
    runtime
        .scope(async {
            assert_eq!(dropped_after(10, watched(&service, &seen)).await, None);
            let engine = WATCHED.run(async || {
                let _watch = Watch(&seen);
                service.call().await
            });
            assert_eq!(dropped_after(10, engine).await, None);
            service.now([Good]);
            assert_eq!(watched(&service, &seen).await, Ok(3));
        })
        .await;
    assert_eq!(*seen.lock().expect("no panic"), [Kind::Held; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_runner_keeps_the_others_out_for_its_lease_and_no_longer() {
    let (service, runtime) = (Service::new([Hang, Good]), alone());
    Paused::start(runtime.scope(regional(&service, "north"))).kill();
    for _ in 0..5 {
        pass(1_000).await;
        assert_eq!(kind(runtime.scope(regional(&service, "north")).await), Kind::Held);
    }
    assert!(runtime.operator().in_doubt(10).await.expect("memory answers").is_empty());
    pass(1_000).await;
    // Nobody has taken over yet.
    let doubt = runtime.operator().in_doubt(10).await.expect("memory answers");
    assert_eq!(doubt[0].site, "exclusive exclusive::elect::regional");
    assert_eq!(runtime.scope(regional(&service, "north")).await, Ok(2));
    assert!(runtime.operator().in_doubt(10).await.expect("memory answers").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_longer_than_the_lease_keeps_its_right() {
    let (service, runtime) = (Service::new([after(60_500, Good)]), alone());
    runtime
        .scope(async {
            let others = async {
                for _ in 0..60 {
                    pass(1_000).await;
                    let left = rejected(regional(&service, "north").await).retry_after().expect("a lease");
                    assert!(left >= Duration::from_secs(4), "renewed at a third: {left:?}");
                }
            };
            let (first, ()) = tokio::join!(regional(&service, "north"), others);
            assert_eq!(first, Ok(1));
        })
        .await;
    assert_eq!(service.executions(), 1);
}

#[exclusive(key = "token")]
async fn token() -> Result<(Option<u64>, bool), Fault> {
    tokio::task::yield_now().await;
    Ok((context::fencing_token(), context::idempotency_key().is_some()))
}

#[tokio::test(start_paused = true)]
async fn the_token_grows_and_is_no_key() {
    let runtime = alone();
    let mut last = 0;
    for _ in 0..3 {
        let (token, key) = runtime.scope(token()).await.expect("it runs");
        assert!(token > Some(last) && !key, "{token:?} after {last}");
        last = token.expect("a token");
    }
    assert_eq!(context::fencing_token(), None);
}

#[exclusive(key = key)]
async fn named(service: &Service, key: Option<&str>) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_bad_key_is_refused() {
    let (service, runtime) = (Service::new([Good]), alone());
    for key in [None, Some("")] {
        let error = rejected(runtime.scope(named(&service, key)).await);
        assert_eq!((error.kind(), error.may_have_run()), (Kind::InvalidKey, false));
    }
    assert_eq!(runtime.scope(named(&service, Some("a"))).await, Ok(1));
}

#[exclusive]
async fn calls_itself(service: &Service, depth: u32) -> Reply {
    if depth == 0 { service.call().await } else { Box::pin(calls_itself(service, depth - 1)).await }
}

#[tokio::test(start_paused = true)]
async fn a_call_within_the_body_is_another_call() {
    let (service, runtime) = (Service::new([Good]), alone());
    assert_eq!(runtime.scope(calls_itself(&service, 0)).await, Ok(1));
    assert_eq!(kind(runtime.scope(calls_itself(&service, 1)).await), Kind::Held);
}

#[tokio::test(start_paused = true)]
async fn its_decisions_are_events() {
    events::record();
    let (service, runtime) = (Service::new([after(100, Good)]), resilience::Runtime::builder().build());
    runtime.scope(async { drop(tokio::join!(job(&service), job(&service))) }).await;
    assert_eq!(events::take(), ["no_ledger_chosen", "elected", "rejected Held"]);
}
