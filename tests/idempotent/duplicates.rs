//! Two calls of one key at the same time.

use std::time::Duration;

use resilience::{Kind, context, idempotent, timeout};
use tokio::time::Instant;

use crate::support::{
    Good, Hang, Panic, Permanent, Reply, Service, Transient, after, dropped_after, kind, pass, rejected,
    timed,
};
use crate::{alone, record};

#[idempotent(key = id)]
async fn shared(service: &Service, id: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn duplicates_wait_and_share_one_run() {
    let (service, runtime) = (Service::new([after(300, Good)]), alone());
    let service: &'static Service = Box::leak(Box::new(service));
    let (replies, took) = timed(runtime.scope(async {
        let calls: Vec<_> = (0..20).map(|_| resilience::spawn(shared(service, 7))).collect();
        let mut replies = Vec::new();
        for call in calls {
            replies.push(call.await.expect("no panic"));
        }
        replies
    }))
    .await;
    assert_eq!(replies, vec![Ok(1); 20]);
    assert_eq!((service.executions(), took), (1, 300), "woken at the end, without polling");
}

#[tokio::test(start_paused = true)]
async fn others_do_not_wait() {
    let (service, runtime) = (Service::new([after(300, Good)]), alone());
    let (_, took) =
        timed(runtime.scope(async { tokio::join!(shared(&service, 7), shared(&service, 8)) })).await;
    assert_eq!((service.executions(), took), (2, 300));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_runs_when_the_first_has_failed() {
    for step in [Transient, Permanent] {
        let (service, runtime) = (Service::new([after(300, step), Good]), alone());
        let both = async { tokio::join!(shared(&service, 7), shared(&service, 7), shared(&service, 7)) };
        let (first, second, third) = runtime.scope(both).await;
        assert!(first.is_err());
        assert_eq!((second, third), (Ok(2), Ok(2)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_takes_over_at_once_from_a_caller_who_left_or_panicked() {
    for step in [Hang, after(300, Panic)] {
        let service: &'static Service = Box::leak(Box::new(Service::new([step, Good])));
        let runtime = alone();
        let (reply, took) = timed(runtime.scope(async {
            let first = resilience::spawn(dropped_after(300, shared(service, 7)));
            pass(1).await;
            let reply = shared(service, 7).await;
            let _ = first.await; // the panic is the test's own
            reply
        }))
        .await;
        assert_eq!((reply, took), (Ok(2), 300), "the lease is not waited out");
    }
}

#[idempotent(key = "brief", wait = "1s", lease = "30s")]
async fn brief(service: &Service) -> Reply {
    service.call().await
}

#[idempotent(key = "impatient", reject, lease = "30s")]
async fn impatient(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_waits_no_longer_than_it_is_told() {
    let (service, runtime) = (Service::new([after(5_000, Good)]), alone());
    runtime
        .scope(async {
            let duplicate = async {
                pass(500).await;
                timed(brief(&service)).await
            };
            let (first, (second, took)) = tokio::join!(brief(&service), duplicate);
            let error = rejected(second);
            assert_eq!((error.kind(), took, first), (Kind::InProgress, 1_000, Ok(1)));
            assert_eq!(error.retry_after(), Some(Duration::from_millis(28_500)), "the rest of the lease");
            assert!(!error.may_have_run(), "this call did not");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_can_be_rejected_at_once() {
    let (service, runtime) = (Service::new([after(5_000, Good)]), alone());
    runtime
        .scope(async {
            let duplicate = async {
                pass(1_000).await;
                timed(impatient(&service)).await
            };
            let (first, (second, took)) = tokio::join!(impatient(&service), duplicate);
            let error = rejected(second);
            assert_eq!((error.kind(), took, first), (Kind::InProgress, 0, Ok(1)));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(29)));
            assert_eq!(impatient(&service).await, Ok(1), "replayed, once it is there");
        })
        .await;
}

#[timeout(ms = 200)]
#[idempotent(key = "urgent")]
async fn urgent(service: &Service, wait: u64) -> Reply {
    if wait > 0 {
        pass(wait).await;
    }
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_never_waits_past_its_own_deadline() {
    let (service, runtime) = (Service::new([after(5_000, Good)]), alone());
    runtime
        .scope(async {
            let duplicate = async {
                pass(100).await;
                let deadline = Instant::now() + Duration::from_millis(200);
                timed(context::with_deadline(deadline, shared(&service, 7))).await
            };
            let (_, (second, took)) = tokio::join!(shared(&service, 7), duplicate);
            assert_eq!((kind(second), took), (Kind::InProgress, 200));
            let passed = Instant::now() - Duration::from_millis(1);
            let late = timed(context::with_deadline(passed, shared(&service, 7))).await;
            assert_eq!(late, (Ok(1), 0), "a result that is there needs no time");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_cuts_the_wait_and_leaves_the_runner_alone() {
    let (service, runtime) = (Service::new([after(150, Good)]), alone());
    runtime
        .scope(async {
            let duplicate = async {
                pass(60).await;
                timed(urgent(&service, 0)).await
            };
            let (first, (second, took)) = tokio::join!(urgent(&service, 0), duplicate);
            assert_eq!((first, second, took), (Ok(1), Ok(1), 90));
        })
        .await;
    let (service, runtime) = (Service::new([after(5_000, Good)]), alone());
    let runner = runtime.scope(shared(&service, 9));
    let cut = runtime.scope(async {
        pass(100).await;
        tokio::time::timeout(Duration::from_millis(100), shared(&service, 9)).await
    });
    let (first, second) = tokio::join!(runner, cut);
    assert!(second.is_err() && first == Ok(1));
    assert_eq!(service.executions(), 1);
    assert!(record(&runtime, "duplicates::shared", &9).await.is_some());
}

#[idempotent(key = id, fingerprint = (cents, currency))]
async fn pay(service: &Service, id: u64, cents: u64, currency: &str) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_key_that_comes_again_with_other_values_is_refused() {
    let (service, runtime) = (Service::new([after(300, Good)]), alone());
    runtime
        .scope(async {
            let (first, second) =
                tokio::join!(pay(&service, 7, 100, "EUR"), timed(pay(&service, 7, 200, "EUR")));
            assert_eq!((first, kind(second.0), second.1), (Ok(1), Kind::KeyReused, 0), "it does not wait");
            assert_eq!(kind(pay(&service, 7, 100, "USD").await), Kind::KeyReused);
            assert_eq!(pay(&service, 7, 100, "EUR").await, Ok(1), "the record is left alone");
            assert_eq!(pay(&service, 8, 200, "USD").await, Ok(2));
        })
        .await;
    assert_eq!(service.executions(), 2);
}
