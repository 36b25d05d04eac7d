//! A right without a function.

use std::sync::Mutex;
use std::time::Duration;

use resilience::{Error, Exclusive, Kind, context};

use crate::support::{Good, Hang, Reply, Service, after, dropped_after, kind, pass, timed};
use crate::{Paused, alone};

static LEADER: Exclusive = Exclusive::new("leader").lease(Duration::from_secs(3));
/// As another process has it.
static REPLICA: Exclusive = Exclusive::new("leader").lease(Duration::from_secs(3)).waiting();

#[tokio::test(start_paused = true)]
async fn all_of_one_name_are_one_right() {
    let (service, runtime) = (Service::new([after(1_000, Good)]), alone());
    runtime
        .scope(async {
            let calls = async {
                tokio::join!(
                    LEADER.run(|| service.call()),
                    LEADER.run(|| service.call()),
                    LEADER.run_for("other", || service.call()),
                    REPLICA.run(|| service.call()),
                )
            };
            let ((first, second, other, third), took) = timed(calls).await;
            assert_eq!((first, kind(second), other, third), (Ok(1), Kind::Held, Ok(2), Ok(3)));
            assert!((2_000..=2_031).contains(&took), "{took}");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn its_rejections_bear_its_name() {
    let (service, runtime) = (Service::new([Hang]), alone());
    let _held = Paused::start(runtime.scope(LEADER.run(|| service.call())));
    let error: Result<(), Error> = runtime.scope(LEADER.run(async || Ok(()))).await;
    assert_eq!(error.map_err(|error| error.site().to_owned()), Err("leader".to_owned()));
    let empty: Result<(), Error> = runtime.scope(LEADER.run_for("", async || Ok(()))).await;
    assert_eq!(empty.map_err(|error| error.kind()), Err(Kind::InvalidKey));
}

/// The loop of a service with replicas: whoever has the right works, and another takes over where it dies.
#[tokio::test(start_paused = true)]
async fn replicas_take_turns_as_they_die() {
    let (runtime, log) = (alone(), Mutex::new(Vec::new()));
    let replica = |name: &'static str| {
        let log = &log;
        runtime.scope(REPLICA.run(async move || {
            log.lock().expect("no panic").push((name, context::fencing_token()));
            std::future::pending::<Reply>().await
        }))
    };
    Paused::start(replica("first")).kill();
    assert_eq!(dropped_after(10_000, replica("second")).await, None);
    Paused::start(replica("third")).kill();
    assert_eq!(dropped_after(10_000, replica("fourth")).await, None);
    let log = log.into_inner().expect("no panic");
    assert_eq!(log.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["first", "second", "third", "fourth"]);
    assert!(log.is_sorted_by(|one, two| one.1 < two.1), "{log:?}");
}

/// A server spawns it.
#[tokio::test(start_paused = true)]
async fn its_future_is_send() {
    let runtime = alone();
    let text = "captured".to_owned();
    let task = tokio::spawn(runtime.scope(async move {
        LEADER
            .run(async || {
                pass(10).await;
                Ok::<_, Error>(text.len())
            })
            .await
    }));
    assert_eq!(task.await.expect("no panic"), Ok(8));
}
