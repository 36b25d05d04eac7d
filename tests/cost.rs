//! The two gates on cost: no heap on the success path, and a small future.
#![allow(missing_docs, reason = "a test target")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use resilience::{
    CircuitBreaker, Failure, Replicas, bulkhead, circuit_breaker, fallback, hedge, rate_limit, retry, timeout,
};

/// Counts the allocations of this thread.
struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[derive(Debug, PartialEq, thiserror::Error, Failure)]
enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

struct Order {
    id: u64,
    /// How often the body is pending.
    polls: u32,
}

thread_local! {
    /// The bodies that have begun.
    static BEGUN: Cell<u64> = const { Cell::new(0) };
}

/// Pending so many times, without a heap.
async fn pending(times: u32) {
    BEGUN.set(BEGUN.get() + 1);
    let mut left = times;
    poll_fn(|cx| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[timeout(ms = 2_000)]
async fn timed(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[retry(attempts = 3, repeatable)]
async fn retried(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[circuit_breaker(failure_rate = 0.5)]
async fn guarded(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[circuit_breaker(window = 100, consecutive = 5, slow_call = "1s")]
async fn counted(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[bulkhead(max = 8, queue = 8, max_wait = "1s")]
async fn bounded(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

static SHARED: CircuitBreaker = CircuitBreaker::new("shared");

#[circuit_breaker(share = SHARED)]
#[bulkhead(max = 8, key = order.id)]
async fn shared_and_keyed(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[fallback(|_| Ok(u64::from(order.polls)))]
async fn answered(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[hedge(after = "1s", repeatable)]
async fn hedged(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[hedge(after = p95, max = 10, repeatable)]
async fn observed(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[rate_limit(permits = 1_000, burst = 1_000, weight = order.polls, max_wait = "1s")]
async fn limited(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[fallback(async |error| { pending(order.polls).await; Err(error) }, when = |error| matches!(error, Fault::Policy(_)))]
#[timeout(ms = 2_000)]
async fn answered_later(order: &Order) -> Result<u64, Fault> {
    pending(order.polls).await;
    Ok(order.id)
}

#[retry(attempts = 3, backoff = none, repeatable)]
async fn picking(nodes: &Replicas<Order>, others: &Replicas<Order>) -> Result<u64, Fault> {
    let (node, _) = (nodes.pick()?, others.pick()?);
    pending(node.polls).await;
    if node.id == 0 { Err(Fault::Unreachable) } else { Ok(node.id) }
}

#[hedge(after = "1s", repeatable)]
async fn picking_hedged(nodes: &Replicas<Order>) -> Result<u64, Fault> {
    let node = nodes.pick()?;
    pending(node.polls).await;
    Ok(node.id)
}

struct Gateway;

impl Gateway {
    /// The headline example without its ledger.
    #[timeout(ms = 2_000)]
    #[retry(attempts = 3, repeatable)]
    #[circuit_breaker(failure_rate = 0.5)]
    #[timeout(ms = 500)]
    async fn stacked(&self, order: &Order) -> Result<u64, Fault> {
        self.bare(order).await
    }

    async fn bare(&self, order: &Order) -> Result<u64, Fault> {
        pending(order.polls).await;
        Ok(order.id)
    }
}

/// Allocations of calls, after one that warmed up. Where the machine was busy with something else, a hedge has begun a second
/// attempt, which may need the heap: such a call does not count.
fn allocations<F: Future<Output = Result<u64, Fault>>>(call: impl Fn() -> F) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let _inside = runtime.enter();
    let run = || {
        let mut future = pin!(call());
        let mut cx = Context::from_waker(Waker::noop());
        let (before, begun) = (COUNT.get(), BEGUN.get());
        while future.as_mut().poll(&mut cx).is_pending() {}
        (BEGUN.get() - begun <= 1).then(|| COUNT.get() - before)
    };
    run();
    let counted: Vec<_> = (0..100).filter_map(|_| run()).collect();
    assert!(!counted.is_empty(), "every call was late");
    counted.iter().sum()
}

#[test]
fn the_counter_counts() {
    let call = || async {
        drop(std::hint::black_box(Box::new(1)));
        Ok(1)
    };
    assert_eq!(allocations(call), 100);
}

#[test]
fn success_needs_no_heap() {
    for polls in [0, 3] {
        let order = Order { id: 7, polls };
        assert_eq!(allocations(|| shared_and_keyed(&order)), 0, "shared, and by key, {polls} polls");
        assert_eq!(allocations(|| timed(&order)), 0, "timeout, {polls} polls");
        assert_eq!(allocations(|| retried(&order)), 0, "retry, {polls} polls");
        assert_eq!(allocations(|| guarded(&order)), 0, "circuit_breaker, {polls} polls");
        assert_eq!(allocations(|| counted(&order)), 0, "circuit_breaker over calls, {polls} polls");
        assert_eq!(allocations(|| bounded(&order)), 0, "bulkhead, {polls} polls");
        assert_eq!(allocations(|| hedged(&order)), 0, "hedge in time, {polls} polls");
        assert_eq!(allocations(|| observed(&order)), 0, "hedge that observes, {polls} polls");
        assert_eq!(allocations(|| limited(&order)), 0, "rate_limit, {polls} polls");
        assert_eq!(allocations(|| answered(&order)), 0, "fallback, {polls} polls");
        assert_eq!(allocations(|| answered_later(&order)), 0, "async fallback, {polls} polls");
        assert_eq!(allocations(|| Gateway.stacked(&order)), 0, "the stack, {polls} polls");
    }
}

#[test]
fn a_pick_needs_no_heap() {
    let breaker = || CircuitBreaker::new("replicas").min_calls(10_000);
    for polls in [0, 3] {
        let set = || Replicas::new(breaker(), (0..3).map(|id| Order { id, polls })).expect("not too many");
        let (nodes, others) = (set(), set());
        assert_eq!(allocations(|| picking(&nodes, &others)), 0, "two sets, {polls} polls");
        assert_eq!(allocations(|| picking_hedged(&nodes)), 0, "hedged, {polls} polls");
        assert_eq!(allocations(|| nodes.run(async |node| Ok(node.id))), 0, "run, {polls} polls");
    }
}

#[test]
fn the_headline_stack_adds_at_most_500_bytes() {
    let order = Order { id: 7, polls: 0 };
    let (stacked, bare) = (size_of_val(&Gateway.stacked(&order)), size_of_val(&Gateway.bare(&order)));
    println!("stack {stacked}, bare {bare}, added {}", stacked - bare);
    assert!(stacked - bare <= 500, "{stacked} bytes, {bare} without policies");
}

/// An answer takes the room of the body, which is gone by then.
#[test]
fn a_fallback_adds_the_error_and_little_else() {
    #[fallback(Err)]
    #[timeout(ms = 2_000)]
    async fn at_once(order: &Order) -> Result<u64, Fault> {
        timed_body(order).await
    }
    #[fallback(async |error| { timed_body(order).await?; Err(error) })]
    #[timeout(ms = 2_000)]
    async fn later(order: &Order) -> Result<u64, Fault> {
        timed_body(order).await
    }
    #[timeout(ms = 2_000)]
    async fn without(order: &Order) -> Result<u64, Fault> {
        timed_body(order).await
    }
    async fn timed_body(order: &Order) -> Result<u64, Fault> {
        let room = std::hint::black_box([order.id; 64]);
        pending(order.polls).await;
        Ok(room[0])
    }
    let order = Order { id: 7, polls: 0 };
    let without = size_of_val(&without(&order));
    let (at_once, later) = (size_of_val(&at_once(&order)) - without, size_of_val(&later(&order)) - without);
    println!("added {at_once}, by an async one {later}");
    assert!(at_once <= 32, "{at_once}");
    assert!(later <= 128, "{later}");
}
