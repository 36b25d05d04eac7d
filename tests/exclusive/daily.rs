//! A lock is not a schedule: what is to happen once a day has the day for its key.

use std::time::Duration;

use resilience::{Runtime, exclusive, idempotent};
use resilience_servers::{Persistence, Redis};

use crate::support::{Good, Reply, Service, after};

/// Two replicas over one ledger, whose clocks differ by more than the job takes.
async fn replicas<T, F: Future<Output = T>>(server: &Redis, job: impl Fn() -> F) -> (T, T) {
    let (first, second) = (open(server).await, open(server).await);
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        second.scope(job()).await
    };
    tokio::join!(first.scope(job()), later)
}

async fn open(server: &Redis) -> Runtime {
    Runtime::open(&server.url()).await.expect("it opens")
}

#[exclusive]
async fn whenever_free(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test]
async fn a_right_alone_lets_both_replicas_run() {
    resilience_servers::need!(Redis);
    let (server, service) = (Redis::start(Persistence::None), Service::new([after(10, Good)]));
    assert_eq!(replicas(&server, || whenever_free(&service)).await, (Ok(1), Ok(2)));
}

#[idempotent(key = day, ttl = "48h")]
#[exclusive]
async fn once_a_day(service: &Service, day: &str) -> Reply {
    service.call().await
}

#[tokio::test]
async fn with_the_day_for_its_key_it_runs_once() {
    resilience_servers::need!(Redis);
    let (server, service) = (Redis::start(Persistence::None), Service::new([after(10, Good)]));
    let today = || once_a_day(&service, "2026-03-01");
    assert_eq!(replicas(&server, today).await, (Ok(1), Ok(1)), "the second has the result of the first");
    assert_eq!(service.executions(), 1);
    let tomorrow: Result<u32, _> = open(&server).await.scope(once_a_day(&service, "2026-03-02")).await;
    assert_eq!(tomorrow, Ok(2));
}
