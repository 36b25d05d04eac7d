//! The policies that contain a failure, on methods of every kind: receivers, traits, patterns, results without a name.
#![allow(missing_docs)]

mod support;

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use resilience::{
    Bulkhead, CircuitBreaker, Error, Gauges, RateLimit, RetryBudget, bulkhead, circuit_breaker, fallback,
    hedge, policies, rate_limit, retry, timeout,
};

use support::{Fault, Good, Hang, Permanent, Reply, Service, Transient, word};

fn is_send<T: Send>(value: T) -> T {
    value
}

#[fallback(|_| Ok(Vec::new()))]
#[timeout(ms = 500)]
#[retry(attempts = 2, backoff = none, repeatable)]
#[circuit_breaker]
#[bulkhead(max = 8, queue = 2, max_wait = "10ms")]
#[rate_limit(permits = 1_000)]
#[hedge(after = "50ms", repeatable)]
async fn filter<'a, T, K: Clone + Into<String>, const N: usize>(
    items: &'a [T; N],
    key: K,
    keep: impl Fn(&T) -> bool + Clone,
) -> Result<Vec<&'a T>, Error>
where
    T: Debug + 'a,
{
    let _: String = key.into();
    tokio::task::yield_now().await;
    Ok(items.iter().filter(|item| keep(item)).collect())
}

#[tokio::test(start_paused = true)]
async fn generic_with_lifetimes_and_closures() {
    assert_eq!(is_send(filter(&[1, 2, 3], "key", |item| *item > 1)).await, Ok(vec![&2, &3]));
}

struct Client {
    stock: u32,
    service: Service,
    rooms: Arc<Bulkhead>,
    limit: RateLimit,
    budget: RetryBudget,
    breaker: CircuitBreaker,
}

impl Client {
    fn new(script: impl Into<std::collections::VecDeque<support::Step>>) -> Self {
        Self {
            stock: 5,
            service: Service::new(script),
            rooms: Arc::new(Bulkhead::new("rooms", 1).queue(1)),
            limit: RateLimit::new("limit", 10).max_wait(Duration::from_secs(5)),
            budget: RetryBudget::new(),
            breaker: CircuitBreaker::new("breaker").consecutive(5),
        }
    }

    #[fallback(|_| Ok(self.stock))]
    #[hedge(after = "10ms", budget = self.budget, repeatable)]
    #[bulkhead(share = self.rooms)]
    #[circuit_breaker(share = self.breaker)]
    #[rate_limit(share = self.limit, weight = self.stock)]
    async fn counted(self: Arc<Self>, word: String) -> Reply {
        drop(word);
        self.service.call().await
    }

    #[retry(attempts = 3, backoff = none, budget = self.budget, repeatable)]
    #[bulkhead(share = self.rooms)]
    #[circuit_breaker(share = self.breaker)]
    async fn pinned(self: Pin<&Self>) -> Reply {
        self.service.call().await
    }

    #[bulkhead(share = self.rooms)]
    #[rate_limit(share = self.limit)]
    #[timeout(ms = 50)]
    async fn by_arc(self: &Arc<Self>) -> Reply {
        self.service.call().await
    }

    #[bulkhead(max = 1)]
    #[rate_limit(permits = 1)]
    async fn boxed(self: Box<Self>) -> Reply {
        self.service.call().await
    }

    #[fallback(|_| { *by += 10; self.stock += 100; Ok(self.stock) })]
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[timeout(ms = 50)]
    async fn changed(&mut self, by: &mut u32) -> Reply {
        self.stock += 1;
        *by += 1;
        self.service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn receivers() {
    let client = Arc::new(Client::new([Good]));
    assert_eq!(is_send(Arc::clone(&client).counted("tea".to_owned())).await, Ok(1));
    assert_eq!(is_send(Pin::new(&*client).pinned()).await, Ok(2));
    assert_eq!(is_send(client.by_arc()).await, Ok(3));
    assert_eq!(client.rooms.gauges(), Gauges::default());
    assert_eq!(is_send(Box::new(Client::new([Good])).boxed()).await, Ok(1));
    let (mut client, mut by) = (Client::new([Hang]), 0);
    assert_eq!(is_send(client.changed(&mut by)).await, Ok(107));
    assert_eq!(by, 12);
}

trait Port {
    fn id(&self) -> u32;

    #[bulkhead(max = 2, key = self.id())]
    #[rate_limit(permits = 100, key = self.id())]
    async fn load(&self, by: u32) -> Reply {
        tokio::task::yield_now().await;
        Ok(by + self.id())
    }

    async fn save(&self) -> Reply;
}

impl Port for Client {
    fn id(&self) -> u32 {
        self.stock
    }

    #[bulkhead(share = self.rooms)]
    #[hedge(after = "10ms", repeatable)]
    async fn save(&self) -> Reply {
        self.service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn of_a_trait() {
    let client = Client::new([Hang, Good]);
    assert_eq!((client.load(1).await, client.save().await), (Ok(6), Ok(2)));
}

async fn cached(item: &str, _: Fault) -> Reply {
    tokio::task::yield_now().await;
    Ok(u32::try_from(item.len()).expect("short"))
}

#[async_trait::async_trait]
trait Catalog<T: Clone + Send + Sync + 'static>: Send + Sync {
    async fn price(&self, item: &str) -> Reply;
    async fn put(&mut self, item: String, more: T) -> Reply;
}

#[policies(timeout(ms = 30), bulkhead(max = 3, queue = 3))]
#[async_trait::async_trait]
impl<T: Clone + Send + Sync + 'static> Catalog<T> for Client {
    #[fallback(async |fault| cached(item, fault).await)]
    #[hedge(after = "10ms", repeatable)]
    async fn price(&self, item: &str) -> Reply {
        self.service.call().await
    }

    #[fallback(async |fault| { self.stock += 1; cached(&item, fault).await }, when = |fault| matches!(fault, Fault::Permanent(_)))]
    #[rate_limit(permits = 10)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn put(&mut self, item: String, more: T) -> Reply {
        drop((item, more));
        self.stock += 10;
        self.service.call().await
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_object() {
    let mut client = Client::new([Transient, Good]);
    assert_eq!(client.put("tea".to_owned(), 7_u8).await, Ok(2));
    client.service.now([Permanent]);
    assert_eq!(client.put("tea".to_owned(), "more").await, Ok(3));
    assert_eq!(client.stock, 36);
    client.service.now([Hang]);
    let catalog: Arc<dyn Catalog<u8>> = Arc::new(client);
    let task = tokio::spawn(async move { catalog.price("tea").await });
    assert_eq!(
        word(&task.await.expect("no panic")),
        "Timeout 2",
        "the block's timeout is above the fallback"
    );
}

fn count(lines: &[u32]) -> u32 {
    u32::try_from(lines.len()).expect("few")
}

struct Order {
    id: u32,
    lines: Vec<u32>,
}

#[fallback(|_| Ok(id + *first))]
#[bulkhead(max = 2, key = id)]
#[rate_limit(permits = 100, weight = count(lines), key = (id, *first))]
#[timeout(ms = 10)]
async fn patterns(
    Order { id, ref lines }: Order,
    (first, ..): (&u32, u32, u32),
    [left, right]: [u8; 2],
    mut sum: u32,
    _: String,
) -> Reply {
    sum += u32::from(left + right) + count(lines);
    if id == 0 { std::future::pending().await } else { Ok(sum + first) }
}

#[tokio::test(start_paused = true)]
async fn arguments_in_parts() {
    for (id, reply) in [(1, 15), (0, 1)] {
        let order = Order { id, lines: vec![1] };
        assert_eq!(patterns(order, (&1, 2, 3), [1, 2], 10, String::new()).await, Ok(reply));
    }
}

#[hedge(after = "10ms", repeatable)]
#[bulkhead(max = 3, queue = 1)]
#[rate_limit(permits = 3)]
async fn rows(list: &[u32]) -> Result<impl Iterator<Item = u32>, Fault> {
    tokio::task::yield_now().await;
    Ok(list.iter().map(|row| row + 1))
}

#[bulkhead(max = 1)]
#[hedge(after = "10ms", repeatable)]
#[allow(clippy::manual_async_fn, clippy::elidable_lifetime_names, reason = "it is written out")]
fn later<'a>(service: &'a Service) -> impl Future<Output = Reply> + Send + use<'a> {
    async move { service.call().await }
}

#[fallback(|_| Ok(9))]
#[rate_limit(permits = 1)]
fn boxed(service: &Service) -> Pin<Box<dyn Future<Output = Reply> + Send + '_>> {
    Box::pin(async move { service.call().await })
}

#[tokio::test(start_paused = true)]
async fn results_without_a_name() {
    assert_eq!(rows(&[1, 2]).await.expect("rows").collect::<Vec<_>>(), [2, 3]);
    let service = Service::new([Good]);
    assert_eq!(later(&service).await, Ok(1));
    assert_eq!((boxed(&service).await, boxed(&service).await), (Ok(2), Ok(9)));
}
