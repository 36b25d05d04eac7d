//! Together with other policies, on methods, and under one name.

use resilience::{EntryState, Error, Kind, circuit_breaker, idempotent, policies, retry, timeout};

use crate::support::{Fault, Good, Hang, Permanent, Reply, Service, Transient, after, kind, rejected, timed};
use crate::{alone, record};

struct Gateway(Service);

impl Gateway {
    #[idempotent(key = order)]
    #[timeout(ms = 2_000)]
    #[retry(attempts = 3, backoff = none)]
    #[circuit_breaker(failure_rate = 0.5)]
    #[timeout(ms = 500)]
    async fn charge(&self, order: u64) -> Reply {
        self.0.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_headline_stack_runs_an_order_once() {
    let (gateway, runtime) = (Gateway(Service::new([Transient, Hang, after(100, Good)])), alone());
    let both = async { tokio::join!(gateway.charge(7), gateway.charge(7)) };
    assert_eq!(timed(runtime.scope(both)).await, ((Ok(3), Ok(3)), 600));
    assert_eq!(timed(runtime.scope(gateway.charge(7))).await, (Ok(3), 0));
    gateway.0.now([Permanent]);
    assert_eq!(runtime.scope(gateway.charge(8)).await, Err(Fault::Permanent(4)));
}

#[tokio::test(start_paused = true)]
async fn a_last_error_after_a_timeout_may_have_run_and_is_run_again() {
    let (gateway, runtime) = (Gateway(Service::new([Hang, Transient, Transient, Good])), alone());
    assert_eq!(runtime.scope(gateway.charge(7)).await, Err(Fault::Transient(3)));
    let entry = record(&runtime, "stacks::charge", &7).await.expect("a record");
    assert_eq!(entry.state, EntryState::Released);
    assert_eq!(runtime.scope(gateway.charge(7)).await, Ok(4));
}

#[retry(attempts = 3, backoff = none)]
#[idempotent(key = id)]
#[timeout(ms = 500)]
async fn claims_again(service: &Service, id: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_retry_above_claims_for_every_attempt() {
    let (service, runtime) = (Service::new([Transient, Hang, Good]), alone());
    assert_eq!(timed(runtime.scope(claims_again(&service, 7))).await, (Ok(3), 500));
    let entry = record(&runtime, "stacks::claims_again", &7).await.expect("a record");
    assert_eq!((entry.state, entry.attempt), (EntryState::Done, 3));
    assert_eq!(runtime.scope(claims_again(&service, 7)).await, Ok(3));
}

#[idempotent(key = id, guarantee = at_most_once)]
#[circuit_breaker(consecutive = 1, open_for = "1s")]
async fn guarded(service: &Service, id: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_rejection_before_the_body_leaves_no_doubt() {
    let (service, runtime) = (Service::new([Transient, Good]), alone());
    runtime
        .scope(async {
            assert_eq!(guarded(&service, 1).await, Err(Fault::Transient(1)));
            assert_eq!(kind(guarded(&service, 1).await), Kind::OutcomeUnknown);
            let open = rejected(guarded(&service, 2).await);
            assert_eq!((open.kind(), open.may_have_run()), (Kind::CircuitOpen, false));
            let state = record(&runtime, "stacks::guarded", &2).await.map(|entry| entry.state);
            assert_eq!(state, Some(EntryState::Released));
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert_eq!(guarded(&service, 2).await, Ok(2));
        })
        .await;
}

#[idempotent(key = "parent")]
async fn parent(service: &Service) -> Reply {
    let before = resilience::context::idempotency_key();
    let reply = child(service).await;
    assert_eq!(resilience::context::idempotency_key(), before);
    reply
}

#[idempotent(key = "child")]
async fn child(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn one_operation_within_another() {
    let (service, runtime) = (Service::new([Good]), alone());
    assert_eq!(runtime.scope(parent(&service)).await, Ok(1));
    assert_eq!(runtime.scope(parent(&service)).await, Ok(1));
    assert_eq!(runtime.scope(child(&service)).await, Ok(1));
    assert_eq!(service.executions(), 1);
}

trait Bank {
    async fn transfer(&self, id: u64) -> Reply;

    #[idempotent(key = id, scope = self.name())]
    async fn refund(&self, id: u64) -> Reply {
        self.service().call().await
    }

    fn name(&self) -> String;
    fn service(&self) -> &Service;
}

struct Branch(&'static str, Service);

impl Bank for Branch {
    #[idempotent(key = id)]
    async fn transfer(&self, id: u64) -> Reply {
        self.1.call().await
    }

    fn name(&self) -> String {
        self.0.to_owned()
    }

    fn service(&self) -> &Service {
        &self.1
    }
}

#[tokio::test(start_paused = true)]
async fn methods_of_traits_remember() {
    let runtime = alone();
    let (north, south) = (Branch("north", Service::new([Good])), Branch("south", Service::new([Good])));
    runtime
        .scope(async {
            for _ in 0..2 {
                assert_eq!(north.transfer(7).await, Ok(1));
                assert_eq!(north.refund(7).await, Ok(2));
                assert_eq!(south.refund(7).await, Ok(1), "of another scope");
            }
        })
        .await;
    assert_eq!((north.1.executions(), south.1.executions()), (2, 1));
}

#[policies(name = "payments.settle")]
#[idempotent(key = "a")]
async fn settle_one() -> Result<u32, Error> {
    Ok(1)
}

#[policies(name = "payments.settle")]
#[idempotent(key = "a")]
async fn settle_two() -> Result<u32, Error> {
    Ok(2)
}

#[tokio::test(start_paused = true)]
async fn two_functions_of_one_name_fail_closed_and_name_both_places() {
    let runtime = alone();
    for _ in 0..2 {
        for reply in [runtime.scope(settle_one()).await, runtime.scope(settle_two()).await] {
            let error = reply.expect_err("closed");
            assert_eq!((error.kind(), error.may_have_run()), (Kind::NameClash, false));
            let source = error.to_string();
            assert!(source.contains("payments.settle"), "{source}");
            let place = |line: u32| format!("{}:{line}", file!());
            assert!(settle_lines().iter().all(|line| source.contains(&place(*line))), "{source}");
        }
    }
    assert!(alone().install().is_err(), "and so does the set-up");
}

/// Where the two are, as the manifest has it.
fn settle_lines() -> [u32; 2] {
    let mut lines = resilience::manifest()
        .filter(|site| site.stored_name() == "payments.settle")
        .map(resilience::Site::line);
    let found = [(); 2].map(|()| lines.next().expect("two of them"));
    assert_ne!(found[0], found[1]);
    found
}

#[policies(name = "payments.renamed")]
#[idempotent(key = 7)]
async fn anything() -> Result<u32, Error> {
    Ok(1)
}

#[tokio::test(start_paused = true)]
async fn a_name_of_its_own_survives_a_refactoring() {
    let runtime = alone();
    assert_eq!(runtime.scope(anything()).await, Ok(1));
    let key = resilience::IdempotencyKey::of("payments.renamed", None::<&str>, &7).expect("a good key");
    assert!(runtime.operator().inspect(key).await.expect("memory answers").is_some());
}
