//! Bodies that compile as plain functions, and so must under a policy.
#![allow(missing_docs)]
#![deny(warnings, clippy::shadow_unrelated, clippy::items_after_statements)]
#![allow(
    clippy::needless_pass_by_value,
    clippy::toplevel_ref_arg,
    clippy::unused_async,
    reason = "it is the point"
)]

use std::sync::Arc;

use resilience::{Error, Pool, bulkhead, circuit_breaker, fallback, hedge, retry, timeout};

static WORKERS: Pool = Pool::new("workers").threads(1);

#[timeout(ms = 500)]
async fn with_an_inner_attribute(text: &str) -> Result<usize, Error> {
    #![allow(unused_variables)]
    //! It is a comment of the function.
    let unused = 1;
    Ok(text.len())
}

#[retry(attempts = 2, repeatable)]
async fn repeated_with_an_inner_attribute(text: String) -> Result<usize, Error> {
    #![expect(unused_variables, reason = "it is one")]
    let unused = 1;
    Ok(text.len())
}

/// No `Clone`.
struct Request(u32);

#[derive(Debug, resilience::Failure)]
enum Refused {
    #[failure(transient)]
    Busy { request: u32 },
    #[failure(policy)]
    Policy(Error),
}

impl Refused {
    fn request(&self) -> u32 {
        match self {
            Self::Busy { request } => *request,
            Self::Policy(_) => 0,
        }
    }
}

/// A method that is called as an argument is.
#[timeout(ms = 500)]
#[resilience::circuit_breaker(when = |error: &Refused| error.request() > 1)]
async fn of_one_name(request: Request) -> Result<u32, Refused> {
    if request.0 == 0 { Err(Refused::Busy { request: 1 }) } else { Ok(request.0) }
}

#[retry(attempts = 2, repeatable)]
async fn raw_in_the_body(name: String) -> Result<usize, Error> {
    Ok(r#name.len())
}

#[retry(attempts = 2, repeatable)]
async fn raw_in_the_signature(r#name: String) -> Result<usize, Error> {
    Ok(name.len())
}

#[retry(attempts = 2, repeatable)]
async fn under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] bytes: Vec<u8>,
) -> Result<usize, Error> {
    #[cfg(test)]
    let length = text.len();
    #[cfg(not(test))]
    let length = bytes.len();
    Ok(length)
}

#[hedge(after = "1ms", repeatable)]
async fn hedged_under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] text: Vec<u8>,
) -> Result<usize, Error> {
    Ok(text.len())
}

#[bulkhead(pool = WORKERS)]
async fn pooled_under_a_condition(
    #[cfg(test)] text: String,
    #[cfg(not(test))] text: Vec<u8>,
) -> Result<usize, Error> {
    Ok(text.len())
}

mod shadowed {
    use resilience::{Error, timeout};

    type Reply = Result<u32, Error>;

    #[allow(dead_code, reason = "the names are there to be in the way")]
    enum Names {
        Reply,
        Result,
    }

    /// The glob brings in a value that is called like the type.
    #[timeout(ms = 500)]
    pub(crate) async fn by_a_glob() -> Reply {
        use Names::*;
        let reply = Reply;
        Ok(match reply {
            Reply => 1,
            Result => 2,
        })
    }

    /// In the middle of the body.
    #[timeout(ms = 500)]
    pub(crate) async fn by_a_type() -> Reply {
        let number = 1;
        #[allow(clippy::items_after_statements, reason = "in the middle of the body")]
        struct Reply(u32);
        let reply = Reply(number);
        Ok(reply.0)
    }
}

#[timeout(ms = 500)]
async fn begins_with_an_item() -> Result<u32, Error> {
    async fn one() -> u32 {
        1
    }
    #[derive(Clone, Copy)]
    struct Two(u32);
    /// With a comment.
    const fn three() -> u32 {
        3
    }
    Ok(one().await + Two(2).0 + three())
}

#[derive(Debug, Default)]
struct Client {
    name: &'static str,
    breaker: Breaker,
    budget: Budget,
}

type Breaker = Shared<resilience::CircuitBreaker>;
type Budget = Shared<resilience::RetryBudget>;

/// A field that a policy shares.
struct Shared<T>(T);

impl<T> std::fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("shared")
    }
}

impl Default for Breaker {
    fn default() -> Self {
        Self(resilience::CircuitBreaker::new("client"))
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self(resilience::RetryBudget::new())
    }
}

fn used_up(client: Arc<Client>) -> usize {
    client.name.len()
}

/// `self` in a format string, in a path, in an item of the body, used up, and in a block that takes it.
macro_rules! body {
    ($this:ident) => {{
        use std::fmt::{self, Write};
        struct Inner(usize);
        impl Inner {
            fn get(&self) -> usize {
                self.0
            }
        }
        impl fmt::Display for Inner {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.get())
            }
        }
        let mut text = String::new();
        write!(text, "{}", Inner(2)).expect("a string");
        let other = Arc::clone(&$this);
        let task = tokio::spawn(async move { other.name.len() });
        Ok(text.len() + task.await.expect("it runs") + used_up($this))
    }};
}

impl Client {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn repeated(self: Arc<Self>) -> Result<usize, Error> {
        body!(self)
    }

    #[retry(attempts = 2, repeatable)]
    async fn shown(self: Arc<Self>) -> Result<String, Error> {
        Ok(format!("{self:?}").split(' ').next().unwrap_or_default().to_owned())
    }

    #[hedge(after = "1ms", repeatable)]
    async fn raced(self: Arc<Self>, text: String) -> Result<usize, Error> {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        drop(text);
        body!(self)
    }

    #[hedge(after = "1ms", max = 2, budget = self.budget.0, repeatable)]
    #[retry(attempts = 3, backoff = none, budget = self.budget.0, repeatable, when = |_| self.name.is_empty())]
    #[circuit_breaker(share = self.breaker.0, when = |_| format!("{self:?}").is_empty())]
    #[hedge(after = "1ms", repeatable)]
    async fn nested(self: Arc<Self>, text: String) -> Result<usize, Error> {
        drop(text);
        body!(self)
    }

    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(share = self.breaker.0)]
    #[bulkhead(pool = WORKERS)]
    #[timeout(ms = 5_000)]
    async fn pooled(self: Arc<Self>) -> Result<usize, Error> {
        body!(self)
    }

    #[bulkhead(pool = WORKERS)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(share = self.breaker.0)]
    async fn below_a_pool(self: Arc<Self>) -> Result<usize, Error> {
        body!(self)
    }

    /// The body does not name `self`: what is below the pool does.
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[bulkhead(pool = WORKERS)]
    #[circuit_breaker(share = self.breaker.0)]
    async fn only_below_a_pool(self: Arc<Self>, length: usize) -> Result<usize, Error> {
        Ok(length)
    }

    #[circuit_breaker(share = self.breaker.0)]
    #[bulkhead(pool = WORKERS)]
    #[retry(attempts = 3, backoff = none, budget = self.budget.0, repeatable)]
    async fn above_and_below_a_pool(self: Arc<Self>, length: usize) -> Result<usize, Error> {
        Ok(length)
    }

    #[circuit_breaker(share = self.breaker.0, when = |_| self.name.is_empty())]
    async fn guarded(self: Arc<Self>) -> Result<usize, Error> {
        body!(self)
    }

    #[fallback(|_: Error| Ok(self.name.len()))]
    #[timeout(ms = 5_000)]
    async fn answered(self: Arc<Self>) -> Result<usize, Error> {
        used_up(self);
        std::future::pending::<()>().await;
        Ok(0)
    }
}

#[async_trait::async_trait]
trait Service: Send + Sync + 'static {
    async fn call(self: Arc<Self>, text: String) -> Result<usize, Error>;
}

#[async_trait::async_trait]
impl Service for Client {
    #[hedge(after = "1ms", repeatable)]
    #[retry(attempts = 2, repeatable)]
    async fn call(self: Arc<Self>, text: String) -> Result<usize, Error> {
        Ok(text.len() + used_up(self))
    }
}

#[retry(attempts = 2, repeatable)]
async fn by_reference(
    ref name: String,
    (Ok(text) | Err(text)): Result<String, String>,
) -> Result<usize, Error> {
    Ok(name.len() + text.len())
}

#[hedge(after = "1ms", repeatable)]
async fn raced_by_reference(
    ref name: String,
    (Ok(text) | Err(text)): Result<String, String>,
) -> Result<usize, Error> {
    Ok(format!("{name}{text}").len())
}

/// It can go to another thread; a reference to its part cannot.
#[derive(Default)]
struct Count(std::cell::Cell<u32>);

impl Count {
    #[timeout(ms = 5_000)]
    async fn next(&mut self) -> Result<u32, Error> {
        tokio::task::yield_now().await;
        self.0.set(self.0.get() + 1);
        Ok(self.0.get())
    }
}

/// `self` is used up, in items of the body, and by a block that takes it.
#[derive(Debug, Default)]
struct Tally {
    runs: u32,
}

fn one_more(tally: &mut Tally) -> u32 {
    tally.runs += 1;
    tally.runs
}

fn failed_before(runs: u32, enough: u32) -> std::io::Result<u32> {
    if runs < enough { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(runs) }
}

impl Tally {
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn moved(&mut self) -> std::io::Result<u32> {
        use std::fmt::{self, Write as _};
        struct Inner(u32);
        impl Inner {
            fn get(self) -> u32 {
                let this = self;
                this.0
            }
        }
        let written: fmt::Result = write!(String::new(), "{}", self.runs);
        assert!(written.is_ok());
        let shown = format!("{self:?}").len();
        let this = self;
        this.runs += Inner(1).get();
        failed_before(this.runs, if shown > 0 { 3 } else { 0 })
    }

    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn handed_on(&mut self) -> std::io::Result<u32> {
        let runs = one_more(self);
        let again = Some(self).map_or(0, |tally| tally.runs);
        failed_before(runs.min(again), 3)
    }

    #[fallback(|_: std::io::Error| Ok(self.runs + 10))]
    #[timeout(ms = 5_000)]
    async fn named_by_a_fallback(&mut self) -> std::io::Result<u32> {
        let this = self;
        failed_before(one_more(this), 3)
    }

    #[tracing::instrument(skip(self))]
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn instrumented(&mut self, name: &str) -> std::io::Result<u32> {
        self.runs += u32::try_from(name.len()).unwrap_or_default();
        failed_before(self.runs, 9)
    }

    #[retry(attempts = 3, backoff = none, repeatable)]
    #[tracing::instrument(skip(self))]
    async fn instrumented_below(&mut self, name: &str) -> std::io::Result<u32> {
        self.runs += u32::try_from(name.len()).unwrap_or_default();
        failed_before(self.runs, 9)
    }
}

#[tokio::test]
async fn a_lent_self_is_lent_to_each_attempt() {
    assert_eq!(Tally::default().moved().await.ok(), Some(3));
    assert_eq!(Tally::default().handed_on().await.ok(), Some(3));
    assert_eq!(Tally::default().named_by_a_fallback().await.ok(), Some(11));
    assert_eq!(Tally::default().instrumented("tea").await.ok(), Some(9));
    assert_eq!(Tally::default().instrumented_below("tea").await.ok(), Some(9));
}

struct Node {
    value: u32,
    next: Option<Box<Node>>,
}

#[timeout(ms = 5_000)]
async fn last(mut node: &mut Node) -> Result<&mut u32, Error> {
    while node.next.is_some() {
        node = node.next.as_deref_mut().expect("a next one");
    }
    Ok(&mut node.value)
}

#[circuit_breaker(consecutive = 3)]
async fn rest<'a>(mut text: &'a mut [u8], by: &usize) -> Result<&'a mut [u8], Error> {
    text = &mut text[*by..];
    Ok(text)
}

/// Named in a format string alone, by a block that takes it.
#[retry(attempts = 2, repeatable)]
async fn formatted_elsewhere(name: String) -> Result<usize, Error> {
    let task = tokio::spawn(async move { format!("{name}!").len() });
    Ok(task.await.expect("it runs"))
}

#[fallback(|_: Error| Ok(name.len()))]
#[timeout(ms = 5_000)]
async fn formatted_and_named(name: String) -> Result<usize, Error> {
    let shown = move || format!("{name}!");
    Ok(shown().len())
}

struct Cart {
    lines: Vec<u32>,
    total: u32,
}

/// Parts of what is lent, and a part that is a loan itself.
#[retry(attempts = 3, backoff = none, repeatable)]
async fn parts_of_a_loan(
    Cart { lines, total }: &mut Cart,
    (tries, step): (&mut u32, u32),
    (name, _): &(String, u32),
) -> std::io::Result<u32> {
    *tries += step;
    lines.push(*tries);
    *total += 1;
    failed_before(*total, u32::try_from(name.len()).unwrap_or_default())
}

#[timeout(ms = 5_000)]
async fn parts_of_a_loan_once((text, by): (&mut String, u32)) -> Result<&mut String, Error> {
    text.push_str(&by.to_string());
    Ok(text)
}

/// A guard in the tail.
#[retry(attempts = 2, repeatable)]
async fn in_the_tail(list: Arc<std::sync::Mutex<Vec<u32>>>) -> Result<usize, Error> {
    Ok(list.lock().expect("no panic").len())
}

/// A closure that takes what it names.
#[retry(attempts = 3, backoff = none, repeatable, when = move |_: &std::io::Error| kinds.contains(&1))]
async fn decided_by_a_move(tries: &std::sync::atomic::AtomicU32, kinds: Vec<u32>) -> std::io::Result<u32> {
    let tries = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
    if tries < 3 { Err(std::io::ErrorKind::NotFound.into()) } else { Ok(tries) }
}

/// The same in a policy below a retry, which makes it for each attempt too.
#[retry(attempts = 3, backoff = none, repeatable)]
#[circuit_breaker(consecutive = 9, when = move |_: &std::io::Error| kinds.contains(&1))]
async fn decided_below_by_a_move(
    tries: &std::sync::atomic::AtomicU32,
    kinds: Vec<u32>,
) -> std::io::Result<u32> {
    let tries = tries.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
    if tries < 3 { Err(std::io::ErrorKind::TimedOut.into()) } else { Ok(tries) }
}

struct Order {
    id: u64,
}

/// The field is not the argument.
#[resilience::idempotent(key = id)]
#[retry(attempts = 2)]
async fn named_like_a_field(id: u64, order: &Order) -> Result<u64, Error> {
    Ok(order.id)
}

#[retry(attempts = 2, repeatable)]
async fn with_lints(
    #[allow(unused_mut, reason = "of a macro, say")] mut name: String,
    #[expect(unused_mut, reason = "the same")] mut other: String,
) -> Result<usize, Error> {
    Ok(name.len() + other.len())
}

#[timeout(ms = 5_000)]
async fn a_const_block() -> Result<usize, Error> {
    const { Ok(1) }
}

/// Says when it is dropped.
#[derive(Clone)]
struct Dropped(&'static str, Arc<std::sync::Mutex<Vec<&'static str>>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.1.lock().expect("no panic").push(self.0);
    }
}

#[retry(attempts = 1, repeatable)]
async fn dropped_in_order((one, two): (Dropped, Dropped)) -> Result<usize, Error> {
    Ok(one.0.len() + two.0.len())
}

#[tokio::test]
async fn what_the_function_takes_it_takes_whole() {
    let task = tokio::spawn(async { Count::default().next().await });
    assert_eq!(task.await.expect("it runs"), Ok(1));
    let mut list = Node { value: 1, next: Some(Box::new(Node { value: 2, next: None })) };
    *last(&mut list).await.expect("in time") += 5;
    assert_eq!(list.next.map(|node| node.value), Some(7));
    assert_eq!(rest(&mut [1, 2, 3], &1).await, Ok(&mut [2, 3][..]));
    let tea = || "tea".to_owned();
    let (mut cart, mut steps, mut text) = (Cart { lines: Vec::new(), total: 0 }, 0, tea());
    assert_eq!(parts_of_a_loan(&mut cart, (&mut steps, 2), &(tea(), 0)).await.ok(), Some(3));
    assert_eq!((cart.lines, cart.total, steps), (vec![2, 4, 6], 3, 6));
    assert_eq!(parts_of_a_loan_once((&mut text, 7)).await.map(|text| text.len()), Ok(4));
    assert_eq!(formatted_elsewhere(tea()).await, Ok(4));
    assert_eq!(formatted_and_named(tea()).await, Ok(4));
    assert_eq!(in_the_tail(Arc::default()).await, Ok(0));
    let tries = std::sync::atomic::AtomicU32::new(0);
    assert_eq!(decided_by_a_move(&tries, vec![1]).await.ok(), Some(3));
    tries.store(0, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(decided_below_by_a_move(&tries, vec![1]).await.ok(), Some(3));
    assert_eq!(named_like_a_field(1, &Order { id: 7 }).await, Ok(7));
    assert_eq!(with_lints(tea(), tea()).await, Ok(6));
    assert_eq!(a_const_block().await, Ok(1));
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let dropped = |name| Dropped(name, Arc::clone(&said));
    assert_eq!(dropped_in_order((dropped("one"), dropped("two"))).await, Ok(6));
    assert_eq!(*said.lock().expect("no panic"), ["two", "one"]);
}

#[tokio::test(start_paused = true)]
async fn a_self_that_is_used_up_is_there_for_each_attempt() {
    let client = || Arc::new(Client { name: "tea", ..Client::default() });
    let text = || "text".to_owned();
    for length in [
        client().repeated().await,
        client().raced(text()).await,
        client().nested(text()).await,
        client().below_a_pool().await,
        client().pooled().await,
        client().guarded().await,
        client().only_below_a_pool(7).await,
        client().above_and_below_a_pool(7).await,
    ] {
        assert_eq!(length, Ok(7));
    }
    assert_eq!(client().shown().await.as_deref(), Ok("Client"));
    assert_eq!(client().answered().await, Ok(3));
    assert_eq!(client().call(text()).await, Ok(7));
    assert_eq!(by_reference(text(), Err(text())).await, Ok(8));
    assert_eq!(raced_by_reference(text(), Err(text())).await, Ok(8));
}

#[tokio::test]
async fn they_run_as_they_are_written() {
    assert_eq!(with_an_inner_attribute("tea").await, Ok(3));
    assert_eq!(repeated_with_an_inner_attribute("tea".to_owned()).await, Ok(3));
    assert_eq!(of_one_name(Request(7)).await.ok(), Some(7));
    assert_eq!(raw_in_the_body("tea".to_owned()).await, Ok(3));
    assert_eq!(raw_in_the_signature("tea".to_owned()).await, Ok(3));
    assert_eq!(under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(hedged_under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(pooled_under_a_condition("tea".to_owned()).await, Ok(3));
    assert_eq!(shadowed::by_a_glob().await, Ok(1));
    assert_eq!(shadowed::by_a_type().await, Ok(1));
    assert_eq!(begins_with_an_item().await, Ok(6));
}
