//! `otherwise = wait`: a call waits for its turn.

use std::time::Duration;

use resilience::{Kind, context, exclusive, timeout};
use tokio::time::Instant;

use crate::support::{Good, Hang, Reply, Service, Transient, after, dropped_after, pass, rejected, timed};
use crate::{Paused, alone};

#[exclusive(key = "turn", lease = "6s", otherwise = wait)]
async fn turn(service: &Service) -> Reply {
    service.call().await
}

/// What a waiter may add to each turn: a hundredth of the lease, and the step of the timers.
const JITTER_MS: u128 = 61;

#[tokio::test(start_paused = true)]
async fn all_get_their_turn_and_no_two_at_a_time() {
    let (service, runtime) = (Service::new([after(1_000, Good)]), alone());
    let service: &'static Service = Box::leak(Box::new(service));
    let ((), took) = timed(runtime.scope(async {
        let calls: Vec<_> = (0..20).map(|_| resilience::spawn(turn(service))).collect();
        for _ in 0..20 {
            pass(1_000).await;
            assert!(service.running() <= 1);
        }
        for call in calls {
            assert!(call.await.expect("no panic").is_ok());
        }
    }))
    .await;
    assert_eq!(service.executions(), 20);
    assert!((20_000..20_000 + 20 * JITTER_MS).contains(&took), "{took}");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_is_woken_by_the_end_whatever_it_is() {
    for step in [after(300, Transient), Hang] {
        let service: &'static Service = Box::leak(Box::new(Service::new([step, Good])));
        let runtime = alone();
        let (reply, took) = timed(runtime.scope(async {
            drop(resilience::spawn(dropped_after(300, turn(service))));
            pass(1).await;
            turn(service).await
        }))
        .await;
        assert!(reply == Ok(2) && (300..301 + JITTER_MS).contains(&took), "{reply:?} {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waiter_takes_over_from_the_dead_when_the_lease_ends() {
    let (service, runtime) = (Service::new([Hang, Good]), alone());
    Paused::start(runtime.scope(turn(&service))).kill();
    let (reply, took) = timed(runtime.scope(turn(&service))).await;
    assert!(reply == Ok(2) && (6_000..6_000 + JITTER_MS).contains(&took), "{reply:?} {took}");
}

#[tokio::test(start_paused = true)]
async fn a_waiter_who_leaves_holds_nothing() {
    let (service, runtime) = (Service::new([after(2_000, Good)]), alone());
    runtime
        .scope(async {
            let leaves = dropped_after(500, turn(&service));
            let (first, left) = tokio::join!(turn(&service), leaves);
            assert_eq!((first, left), (Ok(1), None));
            assert_eq!(timed(turn(&service)).await, (Ok(2), 2_000));
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn it_waits_up_to_the_deadline_around_it() {
    let (service, runtime) = (Service::new([after(60_000, Good)]), alone());
    runtime
        .scope(async {
            let bounded = async {
                pass(1_000).await;
                let deadline = Instant::now() + Duration::from_secs(20);
                timed(context::with_deadline(deadline, turn(&service))).await
            };
            let (first, (second, took)) = tokio::join!(turn(&service), bounded);
            let error = rejected(second);
            assert_eq!((first, error.kind(), took), (Ok(1), Kind::Held, 20_000));
            let left = error.retry_after().expect("the rest of the lease");
            assert!((Duration::from_secs(3)..=Duration::from_secs(6)).contains(&left), "{left:?}");
            assert!(!error.may_have_run());
        })
        .await;
}

#[timeout(ms = 2_500)]
#[exclusive(key = "hurried", lease = "6s", otherwise = wait)]
async fn hurried(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_bounds_the_wait_and_the_body_together() {
    let (service, runtime) = (Service::new([after(1_500, Good)]), alone());
    runtime
        .scope(async {
            let (first, second, (third, took)) =
                tokio::join!(hurried(&service), hurried(&service), timed(hurried(&service)));
            assert_eq!(first, Ok(1));
            let mut rest = [rejected(second), rejected(third)];
            rest.sort_by_key(resilience::Error::may_have_run);
            assert_eq!((rest[0].kind(), rest[0].may_have_run()), (Kind::Held, false), "it waited");
            assert_eq!((rest[1].kind(), rest[1].may_have_run()), (Kind::Timeout, true), "it ran too late");
            assert_eq!(took, 2_500);
            assert_eq!(hurried(&service).await, Ok(3), "what was cut has given the right back");
        })
        .await;
}
