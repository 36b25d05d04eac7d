//! Together with other policies, on methods, and under one name.

use std::sync::Mutex;

use resilience::{
    EntryState, Error, Kind, Runtime, bulkhead, circuit_breaker, context, exclusive, idempotent, policies,
    retry, timeout,
};

use crate::support::{Fault, Good, Hang, Reply, Service, Transient, after, kind, rejected, timed};
use crate::{alone, record};

#[retry(attempts = 3, backoff = none, repeatable)]
#[exclusive(key = "again")]
#[timeout(ms = 500)]
async fn elects_again(service: &Service, tokens: &Mutex<Vec<u64>>) -> Reply {
    tokens.lock().expect("no panic").push(context::fencing_token().expect("a token"));
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_retry_above_elects_for_every_attempt() {
    let (service, runtime, tokens) = (Service::new([Transient, Hang, Good]), alone(), Mutex::default());
    let reply = timed(runtime.scope(elects_again(&service, &tokens))).await;
    assert_eq!(reply, (Ok(3), 500));
    let tokens = tokens.into_inner().expect("no panic");
    assert!(tokens.len() == 3 && tokens.is_sorted_by(|one, two| one < two), "{tokens:?}");
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_not_retried() {
    let (service, runtime, tokens) = (Service::new([after(100, Good)]), alone(), Mutex::default());
    let both =
        async { tokio::join!(elects_again(&service, &tokens), timed(elects_again(&service, &tokens))) };
    let (first, (second, took)) = runtime.scope(both).await;
    assert_eq!((first, kind(second), took), (Ok(1), Kind::Held, 0));
}

#[exclusive(key = "attempts")]
#[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
#[circuit_breaker(consecutive = 5)]
async fn keeps(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_retry_below_keeps_the_right_between_attempts() {
    let (service, runtime) = (Service::new([Transient, Good]), alone());
    let other = async {
        crate::support::pass(500).await;
        keeps(&service).await
    };
    let (first, other) = runtime.scope(async { tokio::join!(keeps(&service), other) }).await;
    assert_eq!((first, kind(other)), (Ok(2), Kind::Held));
}

#[timeout(ms = 300)]
#[exclusive(key = "cut")]
async fn cut(service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_gives_the_right_back() {
    let (service, runtime) = (Service::new([Hang, Good]), alone());
    let error = rejected(runtime.scope(cut(&service)).await);
    assert_eq!((error.kind(), error.may_have_run(), service.running()), (Kind::Timeout, true, 0));
    assert_eq!(timed(runtime.scope(cut(&service))).await, (Ok(2), 0));
}

/// The token, and the key.
type Seen = (Option<u64>, Option<String>);

fn seen() -> Seen {
    (context::fencing_token(), context::idempotency_key().map(|key| key.to_string()))
}

#[exclusive(key = "leader")]
#[idempotent(key = order)]
async fn leads_operations(order: u64) -> Result<Seen, Fault> {
    Ok(seen())
}

#[idempotent(key = order)]
#[exclusive(key = "leader")]
async fn operation_leads(order: u64) -> Result<Seen, Fault> {
    Ok(seen())
}

async fn fence(runtime: &Runtime, name: &str, key: &str) -> u64 {
    record(runtime, &format!("exclusive::stacks::{name}"), key).await.expect("a record").fence
}

#[tokio::test(start_paused = true)]
async fn the_token_is_that_of_the_innermost_and_the_key_that_of_the_operation() {
    let runtime = alone();
    // Elected more often than any of these operations is claimed.
    for order in 0..20 {
        runtime.scope(leads_operations(order)).await.expect("it runs");
    }
    let (above, key) = runtime.scope(leads_operations(20)).await.expect("it runs");
    let operation = key.expect("a key").parse().expect("64 digits");
    let operation = runtime.operator().inspect(operation).await.expect("memory answers").expect("a record");
    assert_eq!(above, Some(operation.fence));
    assert!(fence(&runtime, "leads_operations", "leader").await > operation.fence);
    let (below, key) = runtime.scope(operation_leads(7)).await.expect("it runs");
    let stored = resilience::IdempotencyKey::of("exclusive::stacks::operation_leads", None::<&str>, &7);
    assert_eq!(key, stored.ok().map(|key| key.to_string()));
    assert_eq!(below, Some(fence(&runtime, "operation_leads", "leader").await), "of the right");
}

#[idempotent(key = order)]
#[exclusive(key = "leader")]
async fn settles(service: &Service, order: u64) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn below_an_operation_a_held_right_leaves_no_doubt_and_a_replay_needs_none() {
    let (service, runtime) = (Service::new([after(100, Good)]), alone());
    let both = async { tokio::join!(settles(&service, 1), settles(&service, 2)) };
    let (first, second) = runtime.scope(both).await;
    assert_eq!((first, kind(second)), (Ok(1), Kind::Held));
    let key = resilience::IdempotencyKey::of("exclusive::stacks::settles", None::<&str>, &2).expect("good");
    let entry = runtime.operator().inspect(key).await.expect("memory answers").expect("a record");
    assert_eq!(entry.state, EntryState::Released);
    let both = async { tokio::join!(settles(&service, 2), settles(&service, 1)) };
    assert_eq!(runtime.scope(both).await, (Ok(2), Ok(1)), "replayed while another one holds the right");
}

#[bulkhead(max = 1)]
#[exclusive(key = "many", lease = "200ms", otherwise = wait)]
#[timeout(ms = 5_000)]
#[exclusive(key = name, lease = "300ms")]
async fn nested<T: resilience::Key + Send>(name: T, service: &Service) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn two_rights_in_one_stack() {
    let (service, runtime) = (Service::new([after(2_000, Good)]), alone());
    assert_eq!(runtime.scope(nested("a", &service)).await, Ok(1));
    assert_eq!(runtime.scope(nested(7, &service)).await, Ok(2));
}

static POOL: resilience::Pool = resilience::Pool::new("exclusive").threads(1);

#[exclusive(key = "pool", lease = "1s")]
#[bulkhead(pool = POOL)]
async fn on_a_pool() -> Result<(Option<u64>, bool), Error> {
    std::thread::sleep(std::time::Duration::from_millis(1_300));
    Ok((context::fencing_token(), context::idempotency_key().is_some()))
}

/// What would starve the renewal on a thread of the service does not on one of its own.
#[tokio::test]
async fn a_body_that_blocks_a_thread_of_a_pool_keeps_its_right() {
    let (token, key) = alone().scope(on_a_pool()).await.expect("renewed meanwhile");
    assert!(token.is_some() && !key);
}

struct Worker(Service, u32);

impl Worker {
    #[exclusive(key = (self.1, part))]
    async fn work(&self, part: &str) -> Reply {
        self.0.call().await
    }

    #[exclusive]
    async fn change(&mut self, by: u32) -> Reply {
        self.1 += by;
        self.0.call().await
    }
}

trait Role {
    #[exclusive(key = self.name())]
    async fn act(&self) -> Reply {
        self.service().call().await
    }

    fn name(&self) -> u32;
    fn service(&self) -> &Service;
}

impl Role for Worker {
    fn name(&self) -> u32 {
        self.1
    }

    fn service(&self) -> &Service {
        &self.0
    }
}

#[async_trait::async_trait]
trait Boxed {
    async fn boxed(&self, service: &Service) -> Reply;
}

#[async_trait::async_trait]
impl Boxed for u32 {
    #[exclusive(key = self, otherwise = skip)]
    async fn boxed(&self, service: &Service) -> Reply {
        service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn methods_lead() {
    let runtime = alone();
    let mut one = Worker(Service::new([after(100, Good)]), 1);
    let two = Worker(Service::new([after(100, Good)]), 2);
    runtime
        .scope(async {
            let (first, second, again) = tokio::join!(one.work("a"), two.work("a"), one.work("a"));
            assert_eq!((first, second, kind(again)), (Ok(1), Ok(1), Kind::Held));
            let (first, second, again) = tokio::join!(one.act(), two.act(), two.act());
            assert_eq!((first, second, kind(again)), (Ok(2), Ok(2), Kind::Held));
            let (first, again) = tokio::join!(7.boxed(&one.0), 7.boxed(&one.0));
            assert_eq!((first, kind(again)), (Ok(3), Kind::Held));
            assert_eq!((one.change(5).await, one.1), (Ok(4), 6));
        })
        .await;
}

#[policies(name = "jobs.nightly")]
#[exclusive]
async fn nightly_one() -> Result<u32, Error> {
    Ok(1)
}

#[policies(name = "jobs.nightly")]
#[exclusive]
async fn nightly_two() -> Result<u32, Error> {
    Ok(2)
}

/// The operation has results of this name, and no runner waits for it.
#[policies(name = "jobs.nightly")]
#[idempotent(key = 1)]
async fn nightly_operation() -> Result<u32, Error> {
    Ok(3)
}

#[tokio::test(start_paused = true)]
async fn two_functions_of_one_name_fail_closed_and_name_both_places() {
    let runtime = alone();
    for reply in [runtime.scope(nightly_one()).await, runtime.scope(nightly_two()).await] {
        let error = reply.expect_err("closed");
        assert_eq!((error.kind(), error.may_have_run()), (Kind::NameClash, false));
        let source = error.to_string();
        assert!(source.contains(": two `#[exclusive]` functions are called `jobs.nightly`: "), "{source}");
        assert_eq!(source.matches(file!()).count(), 2, "{source}");
    }
    assert_eq!(runtime.scope(nightly_operation()).await, Ok(3));
    let clash = alone().install().expect_err("and so does the set-up").to_string();
    assert!(clash.contains("`jobs.nightly`"), "{clash}");
}
