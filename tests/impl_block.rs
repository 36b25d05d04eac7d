//! What `#[policies(...)]` on an `impl` block gives to its methods, in paused time.
#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(missing_docs, reason = "a test target")]

mod support;

use std::fmt::Display;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{Kind, Site, circuit_breaker, policies, retry, timeout};
use support::{Fault, Good, Hang, Reply, Service, Transient, kind, pass, timed, word};

/// The policies of a site, outermost first.
#[allow(clippy::redundant_closure_for_method_calls, reason = "the type of a policy has no public name")]
fn stack(name: &str) -> Vec<&'static str> {
    site(name).policies().iter().map(|policy| policy.name()).collect()
}

fn site(name: &str) -> &'static Site {
    resilience::manifest().find(|site| site.stored_name() == name).unwrap_or_else(|| panic!("no site {name}"))
}

struct Client {
    service: Service,
    places: u32,
}

impl Client {
    fn new(script: impl Into<std::collections::VecDeque<support::Step>>) -> Self {
        Self { service: Service::new(script), places: 0 }
    }
}

/// No policy is imported for the block but by its own path.
#[policies(
    timeout(ms = 500),
    bulkhead(max = 8, queue = 8),
    circuit_breaker(consecutive = 2, open_for = "5s")
)]
impl Client {
    const PLACES: u32 = 8;

    async fn plain(&self) -> Reply {
        self.service.call().await
    }

    /// The other one.
    async fn other(&self) -> Reply {
        self.service.call().await
    }

    #[retry(attempts = 3, backoff = none, repeatable = "a read")]
    #[timeout(ms = 200)]
    async fn own_timeout(&self) -> Reply {
        self.service.call().await
    }

    #[policies(name = "client.named")]
    async fn named(&mut self, by: u32) -> Reply {
        self.places += by;
        self.service.call().await
    }

    #[policies(skip)]
    async fn skipped(&self) -> u32 {
        tokio::task::yield_now().await;
        self.places
    }

    #[policies(skip)]
    #[resilience::timeout(ms = 70)]
    async fn skipped_with_its_own(&self) -> Reply {
        self.service.call().await
    }

    #[cfg_attr(all(), policies(skip))]
    async fn skipped_by_configuration(&self) -> u32 {
        tokio::task::yield_now().await;
        self.places
    }

    #[cfg_attr(all(), timeout(ms = 60))]
    #[cfg(test)]
    async fn own_by_configuration(&self) -> Reply {
        self.service.call().await
    }

    #[policies(skip)]
    fn marked_for_nothing(&self) -> u32 {
        self.places
    }

    fn places(&self) -> u32 {
        self.places.min(Self::PLACES)
    }

    #[allow(clippy::manual_async_fn, reason = "it is written out")]
    fn future(&self, by: u32) -> impl Future<Output = Result<u32, Fault>> {
        async move {
            tokio::time::sleep(std::time::Duration::from_secs(u64::from(by))).await;
            Ok(self.places + by)
        }
    }

    fn boxed(&self) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
        Box::pin(async move { self.service.call().await })
    }
}

#[test]
fn every_async_method_has_a_stack() {
    let block = ["timeout", "bulkhead", "circuit_breaker"];
    for name in ["plain", "other", "future", "boxed"] {
        assert_eq!(stack(&format!("impl_block::{name}")), block, "{name}");
    }
    assert_eq!(stack("client.named"), block);
    let site = site("impl_block::other");
    let line = include_str!("impl_block.rs").lines().nth(site.line() as usize - 1).unwrap_or_default();
    assert!(line.contains("async fn other"), "the place of a site is the method: {line}");
    assert!(site.file().ends_with("impl_block.rs"));
}

#[test]
fn policies_of_the_block_are_outside_and_give_way_to_the_methods_own() {
    assert_eq!(stack("impl_block::own_timeout"), ["bulkhead", "circuit_breaker", "retry", "timeout"]);
    assert_eq!(stack("impl_block::own_by_configuration"), ["bulkhead", "circuit_breaker", "timeout"]);
}

#[test]
fn a_skipped_method_has_its_own_policies_only() {
    assert_eq!(stack("impl_block::skipped_with_its_own"), ["timeout"]);
    for name in ["skipped", "skipped_by_configuration", "marked_for_nothing", "places"] {
        let name = format!("impl_block::{name}");
        assert!(resilience::manifest().all(|site| site.stored_name() != name), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_block_acts_in_the_method() {
    let mut client = Client::new([Hang]);
    let (reply, took) = timed(client.plain()).await;
    assert_eq!((word(&reply), took), ("Timeout 1".to_owned(), 500));
    let (reply, took) = timed(client.named(2)).await;
    assert_eq!((word(&reply), took), ("Timeout 1".to_owned(), 500));
    let (reply, took) = timed(client.own_timeout()).await;
    assert_eq!((word(&reply), took), ("Timeout 3".to_owned(), 600), "the block's half second is not there");
    let (reply, took) = timed(client.own_by_configuration()).await;
    assert_eq!((word(&reply), took), ("Timeout 1".to_owned(), 60));
    let (reply, took) = timed(client.skipped_with_its_own()).await;
    assert_eq!((word(&reply), took), ("Timeout 1".to_owned(), 70));
    assert!(matches!(client.future(0).await, Ok(2)));
    assert_eq!(client.future(1).await.map_err(|fault| fault.rejection().kind()), Err(Kind::Timeout));
    assert_eq!(kind(client.boxed().await), Kind::Timeout);
    assert_eq!((client.skipped().await, client.skipped_by_configuration().await), (2, 2));
    assert_eq!((client.places(), client.marked_for_nothing()), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn every_method_has_its_own_state() {
    resilience::Runtime::builder()
        .build()
        .scope(async {
            let client = Client::new([Transient]);
            for _ in 0..2 {
                assert_eq!(word(&client.plain().await), "transient");
            }
            assert_eq!(kind(client.plain().await), Kind::CircuitOpen);
            assert_eq!(word(&client.other().await), "transient", "its breaker is another one");
            pass(5_000).await;
            client.service.now([Good]);
            assert_eq!(word(&client.plain().await), "ok");
        })
        .await;
}

/// A type of reads.
struct Reads<T> {
    service: Service,
    of: PhantomData<T>,
}

#[policies(retry(repeatable = "reads only", attempts = 3, backoff = none))]
impl<T: Display + Clone + Send + Sync> Reads<T> {
    async fn one(&self, id: T) -> Result<String, Fault> {
        self.service.call().await?;
        Ok(id.to_string())
    }

    async fn many<const N: usize>(&self, ids: [T; N], sep: &str) -> Result<String, Fault> {
        self.service.call().await?;
        Ok(ids.map(|id| id.to_string()).join(sep))
    }

    async fn shared(self: Arc<Self>, (a, mut b): (T, String)) -> Result<impl Display, Fault> {
        self.service.call().await?;
        b.push('!');
        Ok(format!("{a}{b}"))
    }

    #[circuit_breaker]
    async fn with_a_breaker(&mut self) -> Reply {
        self.service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_type_of_reads() {
    fn reads<T>() -> Reads<T> {
        Reads { service: Service::new([Transient, Transient, Good]), of: PhantomData }
    }

    assert_eq!(reads().one(7).await, Ok("7".to_owned()));
    assert_eq!(reads().many([1, 2], "-").await, Ok("1-2".to_owned()));
    let shared = Arc::new(reads()).shared((1, "x".to_owned())).await;
    assert_eq!(shared.map(|shown| shown.to_string()), Ok("1x!".to_owned()));
    assert_eq!(word(&reads::<u8>().with_a_breaker().await), "ok");
    assert_eq!(stack("impl_block::with_a_breaker"), ["retry", "circuit_breaker"]);
}

trait Native {
    type Id;
    async fn fetch(&self, id: Self::Id) -> Result<u32, Fault>;
    fn id(&self) -> Self::Id;
}

#[policies(timeout(ms = 300), retry(attempts = 2, backoff = none, repeatable))]
impl Native for Client {
    type Id = u32;

    async fn fetch(&self, id: Self::Id) -> Result<u32, Fault> {
        self.service.call().await.map(|execution| execution + id)
    }

    fn id(&self) -> Self::Id {
        self.places
    }
}

#[async_trait::async_trait]
trait Boxed: Send {
    async fn above(&self, word: String) -> Result<String, Fault>;
    fn sync(&self) -> u32 {
        1
    }
}

#[async_trait::async_trait]
trait Boxed2: Send {
    async fn below(&mut self, word: String) -> Result<String, Fault>;
}

#[policies(timeout(ms = 300), retry(attempts = 2, backoff = none, repeatable))]
#[async_trait::async_trait]
impl Boxed for Client {
    async fn above(&self, word: String) -> Result<String, Fault> {
        self.service.call().await?;
        Ok(word)
    }
}

#[async_trait::async_trait]
#[policies(timeout(ms = 300), retry(attempts = 2, backoff = none, repeatable))]
impl Boxed2 for Client {
    async fn below(&mut self, word: String) -> Result<String, Fault> {
        self.places += 1;
        self.service.call().await?;
        Ok(word)
    }
}

#[tokio::test(start_paused = true)]
async fn impls_of_traits() {
    let client = Client::new([Transient, Good]);
    assert!(client.fetch(client.id()).await.is_ok());
    let boxed: Box<dyn Boxed> = Box::new(Client::new([Transient, Good]));
    assert_eq!((boxed.above("x".to_owned()).await, boxed.sync()), (Ok("x".to_owned()), 1));
    let mut client = Client::new([Transient, Good]);
    assert_eq!(client.below("x".to_owned()).await, Ok("x".to_owned()));
    assert_eq!(client.places, 2);
    for name in ["fetch", "above", "below"] {
        assert_eq!(stack(&format!("impl_block::{name}")), ["timeout", "retry"], "{name}");
    }
    let hanging: Box<dyn Boxed> = Box::new(Client::new([Hang]));
    let (reply, took) = timed(hanging.above(String::new())).await;
    assert_eq!((reply.map_err(|fault| fault.rejection().kind()), took), (Err(Kind::Timeout), 300));
}

struct Allowed(AtomicU32);

#[policies(retry(attempts = 2, backoff = none), allow(retry_unsafe = "the callee deduplicates"))]
impl Allowed {
    async fn once(&self) -> Reply {
        Ok(self.0.fetch_add(1, Ordering::SeqCst))
    }

    #[policies(allow(dead_timeout = "to show that both are heard"))]
    #[timeout(ms = 100)]
    #[retry(attempts = 2)]
    #[timeout(ms = 200)]
    async fn both(&self) -> Reply {
        Ok(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

#[tokio::test]
async fn an_exception_of_the_block_holds_for_its_methods() {
    let allowed = Allowed(AtomicU32::new(0));
    assert_eq!((allowed.once().await, allowed.both().await), (Ok(0), Ok(1)));
    assert_eq!(stack("impl_block::both"), ["timeout", "retry", "timeout"]);
}

/// A facade of one's own, under which nothing is imported.
mod facade {
    pub(crate) mod inner {
        pub(crate) use resilience::*;
    }
}

mod renamed {
    use crate::facade::inner as policy;

    pub(super) struct Client;

    #[policy::policies(crate = policy, timeout(ms = 500))]
    impl Client {
        pub(super) async fn call(&self, value: u32) -> Result<u32, policy::Error> {
            Ok(value)
        }

        #[policy::retry(attempts = 2, repeatable)]
        #[policy::policies(name = "renamed.retried")]
        pub(super) async fn retried(&self, value: u32) -> Result<u32, super::Fault> {
            Ok(value)
        }

        #[policy::policies(skip)]
        pub(super) async fn skipped(&self, value: u32) -> u32 {
            tokio::task::yield_now().await;
            value
        }
    }
}

#[tokio::test]
async fn the_path_of_the_block_holds_for_its_methods() {
    let client = renamed::Client;
    assert_eq!(client.call(1).await.ok(), Some(1));
    assert_eq!((client.retried(2).await, client.skipped(3).await), (Ok(2), 3));
    assert_eq!(stack("impl_block::renamed::call"), ["timeout"]);
    assert_eq!(stack("renamed.retried"), ["timeout", "retry"]);
}

/// A block that a macro of the user's writes.
macro_rules! client {
    ($name:ident, $method:ident, $ms:expr) => {
        struct $name;

        #[policies(timeout(ms = $ms))]
        impl $name {
            async fn $method(&self) -> Result<u32, Fault> {
                Ok(1)
            }
        }
    };
}
client!(Written, by_a_macro, 500);

#[tokio::test]
async fn a_block_from_a_macro() {
    assert_eq!(Written.by_a_macro().await, Ok(1));
    assert_eq!(stack("impl_block::by_a_macro"), ["timeout"]);
}

mod shared {
    use resilience::CircuitBreaker;

    use super::*;

    static GATEWAY: CircuitBreaker = CircuitBreaker::new("gateway").consecutive(1);

    struct Client;

    #[policies(timeout(ms = 500), circuit_breaker(share = GATEWAY))]
    impl Client {
        async fn charge(&self, service: &Service) -> Reply {
            service.call().await
        }

        async fn refund(&self, service: &Service) -> Reply {
            service.call().await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_breaker_for_all_methods_of_a_client() {
        let (bad, good) = (Service::new([Transient]), Service::new([Good]));
        assert_eq!(Client.charge(&bad).await, Err(Fault::Transient(1)));
        assert_eq!(word(&Client.refund(&good).await), "CircuitOpen 0");
    }
}
