//! Every shape of function that an attribute can stand on: it compiles without a warning, and it repeats.
#![deny(warnings, clippy::all, clippy::pedantic)]
#![allow(missing_docs, reason = "a test target")]

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use resilience::{Failure, circuit_breaker, hedge, idempotent, policies, retry, timeout};

#[derive(Debug, Clone, PartialEq, thiserror::Error, Failure)]
enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error("declined")]
    #[failure(permanent)]
    Declined,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

/// Fails twice, then succeeds with the number of calls.
#[derive(Default)]
struct Flaky(AtomicU32);

impl Flaky {
    fn call(&self) -> Result<u32, Fault> {
        match self.0.fetch_add(1, Ordering::SeqCst) + 1 {
            calls @ 3.. => Ok(calls),
            _ => Err(Fault::Unreachable),
        }
    }
}

struct Order {
    id: u64,
}

#[derive(Default)]
struct Gateway {
    flaky: Flaky,
    name: String,
}

impl Gateway {
    #[idempotent(key = order.id)]
    #[timeout(ms = 2_000)]
    #[retry(attempts = 3)]
    #[circuit_breaker(failure_rate = 0.5)]
    #[timeout(ms = 500)]
    async fn charge(&self, order: &Order) -> Result<u32, Fault> {
        if order.id == 0 {
            return Err(Fault::Declined);
        }
        tokio::task::yield_now().await;
        let calls = self.flaky.call()?;
        Ok(calls)
    }

    #[timeout(ms = 900)]
    #[retry(attempts = 3, repeatable)]
    async fn rename(&mut self, suffix: String) -> Result<usize, Fault> {
        self.name.push_str(&suffix);
        self.flaky.call()?;
        Ok(self.name.len())
    }

    #[retry(attempts = 3, repeatable = "a read")]
    #[timeout(ms = 500)]
    async fn shared(self: Arc<Self>, label: &str) -> Result<String, Fault> {
        let calls = self.flaky.call()?;
        let moved = self;
        Ok(format!("{label} {calls} {}", moved.name))
    }

    #[timeout(ms = 500)]
    async fn consumed(self) -> Result<String, Fault> {
        Ok(self.name)
    }
}

#[tokio::test]
async fn the_headline() {
    let gateway = Gateway::default();
    assert_eq!(gateway.charge(&Order { id: 7 }).await, Ok(3));
    assert_eq!(gateway.charge(&Order { id: 7 }).await, Ok(3), "replayed");
    assert_eq!(gateway.charge(&Order { id: 0 }).await, Err(Fault::Declined));
}

#[tokio::test]
async fn receivers() {
    let mut gateway = Gateway::default();
    assert_eq!(gateway.rename("ab".to_owned()).await, Ok(6));
    assert_eq!(Arc::new(Gateway::default()).shared("x").await, Ok("x 3 ".to_owned()));
    assert_eq!(gateway.consumed().await, Ok("ababab".to_owned()));
}

#[retry(attempts = 3, repeatable)]
#[timeout(ms = 500)]
async fn generic<'a, T, const N: usize>(
    flaky: &Flaky,
    all: [T; N],
    sep: &'a str,
) -> Result<(String, &'a str), Fault>
where
    T: Display + Clone + Send + Sync,
{
    flaky.call()?;
    let text = all.iter().map(ToString::to_string).collect::<Vec<_>>().join(sep);
    Ok((text, sep))
}

#[retry(attempts = 3, repeatable)]
async fn patterns(
    (a, mut b): (u32, String),
    Order { id }: Order2,
    &c: &u8,
    flaky: &Flaky,
) -> Result<String, Fault> {
    b.push('!');
    flaky.call()?;
    Ok(format!("{a} {b} {id} {c}"))
}

type Order2 = Order;

impl Clone for Order {
    fn clone(&self) -> Self {
        Self { id: self.id }
    }
}

#[retry(attempts = 3, repeatable)]
#[timeout(ms = 500)]
async fn impl_traits(
    words: impl IntoIterator<Item = &'static str> + Clone,
    flaky: &Flaky,
) -> Result<impl Display, Fault> {
    flaky.call()?;
    Ok(words.into_iter().collect::<String>())
}

#[retry(attempts = 3, repeatable)]
async fn mutable(log: &mut Vec<u32>, mut count: u32, flaky: &Flaky) -> Result<u32, Fault> {
    count += 1;
    let moved = log;
    moved.push(count);
    flaky.call()?;
    Ok(count)
}

#[tokio::test]
async fn arguments() {
    assert_eq!(generic(&Flaky::default(), [1, 2], "-").await, Ok(("1-2".to_owned(), "-")));
    let all = patterns((1, "x".to_owned()), Order { id: 3 }, &4, &Flaky::default()).await;
    assert_eq!(all, Ok("1 x! 3 4".to_owned()));
    assert_eq!(
        impl_traits(["a", "b"], &Flaky::default()).await.map(|shown| shown.to_string()),
        Ok("ab".to_owned())
    );
    let mut log = Vec::new();
    assert_eq!(mutable(&mut log, 1, &Flaky::default()).await, Ok(2));
    assert_eq!(log, [2, 2, 2], "an argument by value is fresh in every attempt");
}

trait Ledger {
    async fn native(&self, id: u32) -> Result<u32, Fault>;

    #[retry(attempts = 3, repeatable)]
    #[timeout(ms = 500)]
    async fn defaulted(&self, id: String) -> Result<String, Fault> {
        self.flaky().call()?;
        Ok(id)
    }

    fn flaky(&self) -> &Flaky;
}

impl Ledger for Gateway {
    #[retry(attempts = 3, repeatable)]
    #[circuit_breaker(min_calls = 20)]
    async fn native(&self, id: u32) -> Result<u32, Fault> {
        self.flaky.call().map(|calls| calls + id)
    }

    fn flaky(&self) -> &Flaky {
        &self.flaky
    }
}

#[async_trait::async_trait]
trait Boxed {
    #[retry(attempts = 3, repeatable)]
    #[timeout(ms = 500)]
    async fn by_default(&mut self, word: String) -> Result<String, Fault> {
        self.step()?;
        Ok(word)
    }

    async fn implemented(&self, word: String, order: &Order) -> Result<String, Fault>;

    fn step(&mut self) -> Result<u32, Fault>;
}

#[async_trait::async_trait]
impl Boxed for Gateway {
    #[timeout(ms = 900)]
    #[retry(attempts = 3, repeatable)]
    #[timeout(ms = 500)]
    async fn implemented(&self, word: String, order: &Order) -> Result<String, Fault> {
        let calls = self.flaky.call()?;
        tokio::task::yield_now().await;
        Ok(format!("{word} {} {calls}", order.id))
    }

    fn step(&mut self) -> Result<u32, Fault> {
        self.flaky.call()
    }
}

#[tokio::test]
async fn trait_methods() {
    assert_eq!(Gateway::default().native(1).await, Ok(4));
    assert_eq!(Gateway::default().defaulted("x".to_owned()).await, Ok("x".to_owned()));
    assert_eq!(Gateway::default().by_default("x".to_owned()).await, Ok("x".to_owned()));
    let boxed: Box<dyn Boxed> = Box::new(Gateway::default());
    assert_eq!(boxed.implemented("x".to_owned(), &Order { id: 2 }).await, Ok("x 2 3".to_owned()));
}

#[retry(attempts = 3, repeatable)]
#[timeout(ms = 500)]
#[allow(clippy::manual_async_fn, reason = "it is written out")]
fn future(flaky: Arc<Flaky>, word: String) -> impl Future<Output = Result<String, Fault>> + Send {
    async move {
        flaky.call()?;
        Ok(word)
    }
}

#[retry(attempts = 3, repeatable)]
#[timeout(ms = 500)]
fn boxed(flaky: &Flaky, word: String) -> Pin<Box<dyn Future<Output = Result<String, Fault>> + Send + '_>> {
    Box::pin(async move {
        flaky.call()?;
        Ok(word)
    })
}

#[tokio::test]
async fn functions_that_return_a_future() {
    assert_eq!(future(Arc::default(), "x".to_owned()).await, Ok("x".to_owned()));
    assert_eq!(boxed(&Flaky::default(), "x".to_owned()).await, Ok("x".to_owned()));
}

/// Kept.
#[cfg_attr(all(), retry(attempts = 3, repeatable))]
#[cfg_attr(all(), timeout(ms = 500))]
#[must_use = "kept"]
#[resilience::circuit_breaker(min_calls = 20)]
#[policies(name = "shapes.named", allow(no_timeout = "kept"))]
async fn attributes(flaky: &Flaky) -> Result<u32, Fault> {
    if flaky.0.load(Ordering::SeqCst) == 100 {
        return Ok(0);
    }
    let calls = flaky.call()?;
    Ok(calls)
}

#[tokio::test]
async fn foreign_attributes_and_early_returns() {
    assert_eq!(attributes(&Flaky::default()).await, Ok(3));
    assert_eq!(attributes(&Flaky(AtomicU32::new(100))).await, Ok(0));
    let site = resilience::manifest().find(|site| site.name() == "shapes.named").expect("in the manifest");
    assert_eq!(site.policies().len(), 3);
    assert!(site.file().ends_with("shapes.rs"));
}

#[tokio::test]
async fn the_manifest_knows_every_function() {
    for name in
        ["shapes::charge", "shapes::generic", "shapes::defaulted", "shapes::implemented", "shapes::boxed"]
    {
        assert!(resilience::manifest().any(|site| site.stored_name() == name), "{name}");
    }
}

/// An error of a stack that only repeats needs no place for a rejection, and a predicate needs no `Failure`.
#[retry(attempts = 3, repeatable, when = |error: &String| error == "again", when_ok = |value: &u32| *value < limit)]
async fn by_predicate(flaky: &Flaky, limit: u32) -> Result<u32, String> {
    match flaky.0.fetch_add(1, Ordering::SeqCst) {
        0 => Err("again".to_owned()),
        calls => Ok(calls),
    }
}

#[tokio::test]
async fn predicates_see_the_arguments() {
    assert_eq!(by_predicate(&Flaky::default(), 2).await, Ok(2));
}

const BUDGET: std::time::Duration = std::time::Duration::from_millis(800);
const ATTEMPTS: u32 = 3;

#[timeout(after = BUDGET.saturating_mul(2))]
#[retry(attempts = ATTEMPTS, backoff = exponential(BUDGET, max = "5s"), repeatable)]
#[timeout(ms = 300 + 200)]
async fn constants(flaky: &Flaky) -> Result<u32, Fault> {
    flaky.call()
}

#[tokio::test(start_paused = true)]
async fn constants_are_known_to_the_manifest() {
    let site =
        resilience::manifest().find(|site| site.name().ends_with("::constants")).expect("in the manifest");
    assert_eq!(site.policies()[0].facts().bounds, Some(BUDGET * 2));
    // The waits are random, and the deadline may come before the third attempt.
    assert!(matches!(constants(&Flaky::default()).await, Ok(3) | Err(Fault::Unreachable)));
}

fn is_send<T: Send>(_: &T) {}

#[test]
fn futures_are_send_when_the_body_is() {
    let gateway = Gateway::default();
    is_send(&gateway.charge(&Order { id: 1 }));
    is_send(&generic(&gateway.flaky, [1], "-"));
    is_send(&attributes(&gateway.flaky));
    is_send(&Arc::new(Gateway::default()).shared("x"));
}

#[retry(attempts = 2, repeatable, backoff = none)]
#[timeout(ms = 500)]
async fn not_send(count: std::rc::Rc<u32>) -> Result<std::rc::Rc<u32>, Fault> {
    tokio::task::yield_now().await;
    Ok(count)
}

#[tokio::test]
async fn a_body_that_is_not_send_may_stay_so() {
    assert_eq!(not_send(std::rc::Rc::new(1)).await, Ok(std::rc::Rc::new(1)));
}

impl Fault {
    fn may_pass(&self) -> bool {
        *self == Self::Unreachable
    }
}

#[retry(attempts = 3, repeatable, when = |fault| matches!(fault, Fault::Unreachable))]
#[circuit_breaker(when = Fault::may_pass, when_ok = |calls| *calls > 100)]
async fn plain_predicates(flaky: &Flaky) -> Result<u32, Fault> {
    flaky.call()
}

/// The argument is named in a string only, and by a policy only.
#[retry(attempts = 3, repeatable, when = |fault| fault.may_pass() && limit > 0)]
async fn hidden_names(flaky: &Flaky, word: String, limit: u32) -> Result<String, Fault> {
    flaky.call()?;
    Ok(format!("{word}!"))
}

#[tokio::test]
async fn predicates_need_no_types() {
    assert_eq!(plain_predicates(&Flaky::default()).await, Ok(3));
    assert_eq!(hidden_names(&Flaky::default(), "x".to_owned(), 1).await, Ok("x!".to_owned()));
}

/// Attempts that run side by side: the first one hangs.
mod hedged {
    use super::{Arc, AtomicU32, Display, Fault, Future, Ordering, Pin, hedge, retry, timeout};

    #[derive(Default)]
    pub(super) struct Stuck(AtomicU32);

    impl Stuck {
        async fn call(&self) -> Result<u32, Fault> {
            match self.0.fetch_add(1, Ordering::SeqCst) + 1 {
                1 => std::future::pending().await,
                calls => Ok(calls),
            }
        }

        #[hedge(after = "1ms", repeatable)]
        #[timeout(ms = 500)]
        pub(super) async fn shared(self: Arc<Self>, mut label: String) -> Result<String, Fault> {
            let calls = self.call().await?;
            let moved = self;
            label.push('!');
            Ok(format!("{label} {calls} {}", moved.0.load(Ordering::SeqCst)))
        }

        #[timeout(ms = 900)]
        #[hedge(after = "1ms", repeatable)]
        #[allow(clippy::manual_async_fn, reason = "it is written out")]
        pub(super) fn by_hand(&self, id: u32) -> impl Future<Output = Result<u32, Fault>> + Send + '_ {
            async move { Ok(self.call().await? + id) }
        }

        #[hedge(after = "1ms", repeatable)]
        pub(super) fn boxed(
            &self,
            name: Vec<u32>,
        ) -> Pin<Box<dyn Future<Output = Result<u32, Fault>> + Send + '_>> {
            Box::pin(async move { Ok(self.call().await? + name.into_iter().sum::<u32>()) })
        }
    }

    #[timeout(ms = 900)]
    #[hedge(after = "1ms", repeatable)]
    #[retry(attempts = 3, repeatable)]
    pub(super) async fn generic<'a, T: Display + Clone, const N: usize>(
        stuck: &Stuck,
        (all, Wrapped(last)): ([T; N], Wrapped),
        sep: &'a str,
        more: impl IntoIterator<Item = u32> + Clone,
    ) -> Result<(String, &'a str), Fault> {
        let calls = stuck.call().await?;
        let mut text = all.map(|part| part.to_string()).join(sep);
        for number in more.into_iter().chain([calls, last]) {
            text.push_str(&number.to_string());
        }
        Ok((text, sep))
    }

    #[derive(Clone)]
    pub(super) struct Wrapped(pub(super) u32);

    #[async_trait::async_trait]
    pub(super) trait Boxed {
        #[hedge(after = "1ms", repeatable)]
        async fn by_default(&self, word: String) -> Result<String, Fault> {
            let calls = self.step().await?;
            Ok(format!("{word} {calls}"))
        }

        async fn step(&self) -> Result<u32, Fault>;
    }

    #[async_trait::async_trait]
    impl Boxed for Stuck {
        #[hedge(after = "1ms", repeatable)]
        async fn step(&self) -> Result<u32, Fault> {
            self.call().await
        }
    }
}

#[tokio::test]
async fn side_by_side() {
    use hedged::{Boxed, Stuck, Wrapped, generic};
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let shared = is_send(Arc::new(Stuck::default()).shared("x".to_owned()));
    assert_eq!(shared.await, Ok("x! 2 2".to_owned()));
    assert_eq!(is_send(Stuck::default().by_hand(5)).await, Ok(7));
    assert_eq!(Stuck::default().boxed(vec![1, 2]).await, Ok(5));
    let stuck = Stuck::default();
    let all = is_send(generic(&stuck, ([1, 2], Wrapped(7)), "-", vec![4]));
    assert_eq!(all.await, Ok(("1-2427".to_owned(), "-")));
    let word = Stuck::default().by_default("x".to_owned()).await;
    assert_eq!(word, Ok("x 2".to_owned()), "the second attempt of the inner one");
}
