//! A right that is lost before the body has ended.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::mpsc;
use std::time::Duration;

use resilience::{Exclusive, Kind, context, exclusive};

use crate::support::{Fault, Good, Hang, Reply, Service, after, events, kind, pass, rejected, word};
use crate::{Paused, alone};

#[exclusive(lease = "10s")]
async fn lead(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_for_too_long_does_not_go_on() {
    events::record();
    let (service, runtime) = (Service::new([after(9_001, Good)]), alone());
    let mut paused = Paused::start(runtime.scope(lead(&service)));
    pass(9_002).await;
    // Its body could go on, but is not asked.
    let error = rejected(paused.go_on().expect("it ends"));
    assert_eq!((error.kind(), error.may_have_run()), (Kind::LeaseLost, true));
    assert_eq!(
        (service.executions(), service.completed(), service.running()),
        (1, 0, 0),
        "the body is dropped"
    );
    assert_eq!(events::take(), ["elected", "lease_lost not renewed in time", "rejected LeaseLost"]);
    assert_eq!(runtime.scope(lead(&service)).await, Ok(2), "and the right is free");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_stood_still_for_a_while_goes_on() {
    let (service, runtime) = (Service::new([after(8_000, Good)]), alone());
    let mut paused = Paused::start(runtime.scope(lead(&service)));
    pass(8_900).await;
    assert_eq!(paused.go_on(), Some(Ok(1)));
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_does_not_disturb_his_successor() {
    let (service, runtime) = (Service::new([Hang, after(8_000, Good)]), alone());
    let mut paused = Paused::start(runtime.scope(lead(&service)));
    pass(10_001).await;
    let meanwhile = async {
        pass(1_000).await;
        assert_eq!(kind(paused.go_on().expect("it ends")), Kind::LeaseLost);
        drop(paused);
        assert_eq!(kind(runtime.scope(lead(&service)).await), Kind::Held);
    };
    let (successor, ()) = tokio::join!(runtime.scope(lead(&service)), meanwhile);
    assert_eq!(successor, Ok(2));
}

/// Long enough for a busy machine to begin the body before it is over.
static BLOCKED: Exclusive = Exclusive::new("blocked").lease(Duration::from_secs(1));
static NEXT: Exclusive = Exclusive::new("blocked").lease(Duration::from_mins(1)).waiting();

/// A body that keeps its thread cannot be dropped. Two believe that they lead, and the token tells them apart.
#[tokio::test]
async fn a_body_that_could_not_be_stopped_is_told() {
    for (outcome, expected) in [(Ok(7), None), (Err(Fault::Permanent(1)), Some(Fault::Permanent(1)))] {
        let runtime = alone();
        let (began, begins) = mpsc::channel();
        let (ended, ends) = mpsc::channel();
        let (mine, theirs) = (runtime.clone(), runtime);
        let first = tokio::task::spawn_blocking(move || {
            let own = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            own.block_on(mine.scope(BLOCKED.run(async || {
                began.send(context::fencing_token()).expect("the test listens");
                let _: u64 = ends.recv().expect("the other one leads");
                outcome
            })))
        });
        let token = begins.recv().expect("it leads");
        let second: Reply = theirs
            .scope(NEXT.run(async || {
                let own = context::fencing_token();
                assert!(own > token, "{own:?} after {token:?}");
                ended.send(own.expect("a token")).expect("it waits");
                let first = first.await.expect("no panic");
                match expected {
                    Some(fault) => assert_eq!(first, Err(fault), "its own error says more"),
                    None => assert_eq!(rejected(first).kind(), Kind::LeaseLost),
                }
                Ok(1)
            }))
            .await;
        assert_eq!(second, Ok(1));
    }
}

/// Over many pauses of five processes: whoever is at work has the newest token of all.
#[tokio::test(start_paused = true)]
async fn none_is_at_work_once_another_has_begun() {
    static LEAD: Exclusive = Exclusive::new("pauses").lease(Duration::from_secs(1));
    let (runtime, newest) = (alone(), Cell::new(0));
    let call = || {
        LEAD.run(async || {
            let token = context::fencing_token().expect("a token");
            assert!(token > newest.replace(token));
            while fastrand::u32(..40) > 0 {
                tokio::task::yield_now().await;
                assert_eq!(newest.get(), token);
            }
            Reply::Ok(1)
        })
    };
    let start = || Paused(Box::pin(runtime.scope(call())));
    let mut processes: Vec<_> = (0..5).map(|_| start()).collect();
    let mut ends = BTreeMap::new();
    for _ in 0..20_000 {
        let process = &mut processes[fastrand::usize(..5)];
        if let Some(reply) = process.go_on() {
            *ends.entry(word(&reply)).or_insert(0) += 1;
            *process = start();
        }
        if fastrand::u32(..100) == 0 {
            pass(fastrand::u64(..2_000)).await;
        }
    }
    assert_eq!(ends.keys().collect::<Vec<_>>(), ["Held 0", "LeaseLost 1", "ok"], "{ends:?}");
}
