//! What operators see and decide.

use resilience::{EntryState, IdempotencyKey, idempotent};

use crate::support::{Good, Hang, Reply, Service, pass, poll_times};
use crate::{alone, record};

#[idempotent(key = id, guarantee = at_most_once)]
async fn ship(service: &Service, id: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn doubts_are_listed_oldest_first() {
    let (service, runtime) = (Service::new([Hang]), alone());
    for id in [3, 1, 2] {
        assert!(poll_times(runtime.scope(ship(&service, id)), 1).is_none());
        pass(1_000).await;
    }
    let doubts = runtime.operator().in_doubt(2).await.expect("memory answers");
    let seen: Vec<_> = doubts.iter().map(|entry| (entry.text.as_str(), entry.age.as_secs())).collect();
    assert_eq!(seen, [("3", 3), ("1", 2)]);
    assert!(doubts.iter().all(|entry| entry.state == EntryState::InDoubt && entry.attempt == 1));
    assert!(doubts.iter().all(|entry| entry.site == "idempotent::operators::ship"));
}

#[tokio::test(start_paused = true)]
async fn what_did_not_happen_is_forgotten_and_runs() {
    let (service, runtime) = (Service::new([Hang, Good]), alone());
    assert!(poll_times(runtime.scope(ship(&service, 7)), 1).is_none());
    let entry = record(&runtime, "operators::ship", &7).await.expect("a record");
    let operator = runtime.operator();
    assert!(!operator.forget(entry.key, entry.fence + 1).await.expect("memory answers"), "of another fence");
    assert!(operator.forget(entry.key, entry.fence).await.expect("memory answers"));
    assert_eq!(record(&runtime, "operators::ship", &7).await, None);
    assert_eq!(runtime.scope(ship(&service, 7)).await, Ok(2));
    let after = record(&runtime, "operators::ship", &7).await.expect("a record");
    assert!(after.fence > entry.fence, "also over a removal");
    // What was decided over the old record is void for the new one.
    assert!(!operator.forget(entry.key, entry.fence).await.expect("memory answers"));
    assert!(!operator.resolve(entry.key, entry.fence, &9).await.expect("memory answers"));
    assert_eq!(runtime.scope(ship(&service, 7)).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn what_did_happen_is_resolved_and_replayed() {
    let (service, runtime) = (Service::new([Hang]), alone());
    assert!(poll_times(runtime.scope(ship(&service, 7)), 1).is_none());
    let entry = record(&runtime, "operators::ship", &7).await.expect("a record");
    let operator = runtime.operator();
    assert!(operator.resolve(entry.key, entry.fence, &f64::NAN).await.is_err(), "it could not be read back");
    assert!(operator.resolve(entry.key, entry.fence, &42).await.expect("memory answers"));
    assert!(!operator.resolve(entry.key, entry.fence, &43).await.expect("memory answers"), "decided");
    assert_eq!(runtime.scope(ship(&service, 7)).await, Ok(42));
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_running_operation_is_nobodys_to_decide() {
    let (service, runtime) = (Service::new([Hang]), alone());
    let mut running = Box::pin(runtime.scope(ship(&service, 7)));
    assert!(poll_times(running.as_mut(), 1).is_none());
    let entry = record(&runtime, "operators::ship", &7).await.expect("a record");
    assert_eq!(entry.state, EntryState::Running);
    let operator = runtime.operator();
    assert!(!operator.forget(entry.key, entry.fence).await.expect("memory answers"));
    assert!(!operator.resolve(entry.key, entry.fence, &1).await.expect("memory answers"));
    assert!(operator.in_doubt(9).await.expect("memory answers").is_empty());
    let other = IdempotencyKey::of("idempotent::operators::ship", None::<&str>, &8).expect("a good key");
    assert_eq!(operator.inspect(other).await.expect("memory answers"), None);
}
