//! `#[bulkhead(pool = ...)]`: bodies on threads of their own.
//!
//! Where the caller's time is paused, it passes only while the caller has nothing to do: never during [`soon`].
#![allow(missing_docs)]

mod support;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use resilience::{
    CircuitBreaker, Error, Gauges, Kind, Pool, Runtime, bulkhead, circuit_breaker, context, fallback, hedge,
    idempotent, retry, timeout,
};
use support::{Fault, Good, Hang, Panic, Permanent, Reply, Service, Transient, after, kind, rejected, word};
use tokio::sync::Semaphore;

/// Blocks the threads that come, until it lets one go on.
struct Gate {
    entered: Semaphore,
    tickets: Mutex<u32>,
    changed: Condvar,
}

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self { entered: Semaphore::new(0), tickets: Mutex::new(0), changed: Condvar::new() })
    }

    fn block(&self) {
        self.entered.add_permits(1);
        let tickets = self.tickets.lock().expect("no panic under the lock");
        let wait = |tickets: &mut u32| *tickets == 0;
        let (mut tickets, waited) =
            self.changed.wait_timeout_while(tickets, Duration::from_secs(20), wait).expect("no panic");
        assert!(!waited.timed_out(), "nobody opened the gate");
        *tickets -= 1;
    }

    /// One more has come.
    async fn entered(&self) {
        self.entered.acquire().await.expect("never closed").forget();
    }

    fn open(&self) {
        *self.tickets.lock().expect("no panic under the lock") += 1;
        self.changed.notify_one();
    }
}

/// What happens on a thread of the pool is seen here a moment later.
async fn soon(is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "it never came to be");
        tokio::task::yield_now().await;
    }
}

fn idle(pool: &Pool) {
    assert_eq!(pool.gauges(), Gauges::default());
}

/// Runs a call to its end, and before its time passes waits for something on the pool.
async fn once<F: Future>(is_so: impl Fn() -> bool, call: F) -> F::Output {
    tokio::join!(call, soon(is_so)).0
}

/// Runs a call to its end while time stands still.
async fn at_once<F: Future>(call: F) -> F::Output {
    tokio::select! {
        biased;
        output = call => output,
        () = soon(|| false) => unreachable!("nothing ends it"),
    }
}

/// A body that hangs, on a pool of one thread. The count says that it awaits, and is not just about to.
async fn hang(awaits: &'static AtomicU32) {
    tokio::spawn(async { awaits.fetch_add(1, Ordering::SeqCst) });
    std::future::pending::<()>().await;
}

fn count(counter: &AtomicU32) -> u32 {
    counter.load(Ordering::SeqCst)
}

fn thread() -> String {
    std::thread::current().name().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn it_runs_on_threads_of_the_pool() {
    static POOL: Pool = Pool::new("reports").threads(2);

    #[bulkhead(pool = POOL)]
    async fn report(title: String) -> Result<String, Error> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let spawned = tokio::spawn(async { thread() }).await.expect("no panic");
        Ok(format!("{title} on {} and {spawned}", thread()))
    }

    assert_eq!(report("sales".to_owned()).await, Ok("sales on reports and reports".to_owned()));
    idle(&POOL);
}

/// The caller's runtime has one thread. If the body were on it, nobody would open the gate.
#[tokio::test]
async fn a_body_that_blocks_delays_no_timer_of_the_caller() {
    static POOL: Pool = Pool::new("blocked").threads(1);

    #[bulkhead(pool = POOL)]
    async fn block(gate: Arc<Gate>) -> Result<(), Error> {
        gate.block();
        Ok(())
    }

    let gate = Gate::new();
    let timer = async {
        gate.entered().await;
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(POOL.gauges().running, 1);
        gate.open();
    };
    let (reply, ()) = tokio::join!(block(Arc::clone(&gate)), timer);
    assert_eq!(reply, Ok(()));
    idle(&POOL);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_cuts_a_body_that_blocks() {
    static POOL: Pool = Pool::new("cut").threads(1);
    static STARTED: AtomicU32 = AtomicU32::new(0);

    #[timeout(ms = 30)]
    #[bulkhead(pool = POOL)]
    async fn block(gate: Arc<Gate>) -> Result<(), Error> {
        STARTED.fetch_add(1, Ordering::SeqCst);
        gate.block();
        Ok(())
    }

    let gate = Gate::new();
    let error = once(|| count(&STARTED) == 1, block(Arc::clone(&gate))).await.expect_err("cut");
    assert_eq!((error.kind(), error.attempts(), error.may_have_run()), (Kind::Timeout, 1, true));
    let gauges = POOL.gauges();
    assert_eq!((gauges.running, gauges.abandoned), (1, 1), "it still runs, and keeps its place");
    let error = block(Arc::clone(&gate)).await.expect_err("full");
    assert_eq!((error.kind(), error.may_have_run()), (Kind::BulkheadFull, false));
    gate.open();
    soon(|| POOL.gauges() == Gauges::default()).await;
    gate.open();
    assert_eq!(POOL.run(async || Ok::<_, Error>(())).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_awaits_is_dropped_with_its_caller() {
    static POOL: Pool = Pool::new("dropped").threads(1);
    static AWAITS: AtomicU32 = AtomicU32::new(0);

    struct Held(&'static AtomicU32);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
            // The drop finds the runtime that the body ran on.
            drop(tokio::spawn(async { assert_eq!(thread(), "dropped") }));
        }
    }
    static DROPPED: AtomicU32 = AtomicU32::new(0);

    #[retry(attempts = 2, backoff = none, when = |_| true, repeatable)]
    #[timeout(ms = 20)]
    #[bulkhead(pool = POOL)]
    async fn call() -> Result<(), Error> {
        let _held = Held(&DROPPED);
        hang(&AWAITS).await;
        Ok(())
    }

    let call_once = async {
        tokio::select! {
            reply = call() => unreachable!("{reply:?}"),
            () = soon(|| count(&AWAITS) == 1) => {}
        }
    };
    call_once.await;
    assert_eq!((count(&DROPPED), POOL.gauges()), (1, Gauges::default()));
    // Its place is free at once for the next attempt.
    let second = async {
        soon(|| count(&AWAITS) == 2).await;
        tokio::time::sleep(Duration::from_millis(25)).await;
        soon(|| count(&AWAITS) == 3).await;
    };
    let (reply, ()) = tokio::join!(call(), second);
    let error = reply.expect_err("cut");
    assert_eq!((error.kind(), error.attempts()), (Kind::Timeout, 2));
    assert_eq!((count(&DROPPED), POOL.gauges()), (3, Gauges::default()));
}

#[tokio::test]
async fn a_panic_comes_back() {
    static POOL: Pool = Pool::new("panics").threads(1);

    #[bulkhead(pool = POOL)]
    async fn run(service: Arc<Service>) -> Reply {
        service.call().await
    }

    let service = Arc::new(Service::new([Panic, Good]));
    let panic = tokio::spawn(run(Arc::clone(&service))).await.expect_err("a panic").into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"scripted"));
    assert_eq!(service.running(), 0);
    idle(&POOL);
    assert_eq!(run(service).await, Ok(2));
}

#[tokio::test(start_paused = true)]
async fn calls_wait_for_a_place() {
    static POOL: Pool = Pool::new("queue").threads(1).queue(1).max_wait(Duration::from_millis(30));

    #[bulkhead(pool = POOL)]
    async fn block(gate: Arc<Gate>) -> Result<(), Error> {
        gate.block();
        Ok(())
    }

    let gate = Gate::new();
    let rest = async {
        gate.entered().await;
        let (late, full) = tokio::join!(block(Arc::clone(&gate)), block(Arc::clone(&gate)));
        gate.open();
        [late, full].map(|reply| reply.map_err(|error| (error.kind(), error.may_have_run())))
    };
    let (first, rest) = tokio::join!(block(Arc::clone(&gate)), rest);
    assert_eq!(first, Ok(()));
    assert_eq!(rest, [Err((Kind::BulkheadFull, false)); 2]);
    idle(&POOL);
}

/// More calls than threads: one that is cut before a thread came to it has not run, and never will.
#[tokio::test(start_paused = true)]
async fn a_body_that_has_not_started_is_taken_back() {
    static POOL: Pool = Pool::new("late").max(2).threads(1);
    static STARTED: AtomicU32 = AtomicU32::new(0);

    #[bulkhead(pool = POOL)]
    async fn block(gate: Arc<Gate>) -> Result<(), Error> {
        gate.block();
        Ok(())
    }
    #[timeout(ms = 30)]
    #[bulkhead(pool = POOL)]
    async fn start() -> Result<(), Error> {
        STARTED.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    let gate = Gate::new();
    let second = async {
        gate.entered().await;
        let error = start().await.expect_err("cut");
        assert_eq!((error.kind(), error.attempts(), error.may_have_run()), (Kind::Timeout, 0, false));
        assert_eq!((POOL.gauges().running, POOL.gauges().abandoned), (1, 0), "the first");
        gate.open();
    };
    let (first, ()) = tokio::join!(block(Arc::clone(&gate)), second);
    assert_eq!((first, POOL.run(async || Ok::<_, Error>(())).await), (Ok(()), Ok(())));
    assert_eq!(count(&STARTED), 0);
    idle(&POOL);
}

/// The future was moved out of the function whose timeout would cut it.
#[tokio::test]
async fn a_call_that_was_moved_away_from_its_timeout_ends() {
    static POOL: Pool = Pool::new("moved").threads(1);
    static AWAITS: AtomicU32 = AtomicU32::new(0);
    type Moved = std::pin::Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

    #[bulkhead(pool = POOL)]
    async fn call() -> Result<(), Error> {
        hang(&AWAITS).await;
        Ok(())
    }
    #[timeout(ms = 50)]
    async fn start() -> Result<Moved, Error> {
        let mut call: Moved = Box::pin(call());
        assert!(support::poll_times(&mut call, 1).is_none());
        Ok(call)
    }

    let moved = start().await.expect("it has begun");
    let error = moved.await.expect_err("over");
    assert_eq!(error.kind(), Kind::DeadlineExceeded);
    idle(&POOL);
}

mod with_other_policies {
    use super::*;

    static POOL: Pool = Pool::new("stack").threads(2).queue(8);
    static BREAKER: CircuitBreaker = CircuitBreaker::new("stack").consecutive(100);

    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(share = BREAKER)]
    #[bulkhead(pool = POOL)]
    async fn above(service: Arc<Service>, mut name: String) -> Result<String, Fault> {
        name.push('!');
        service.call().await.map(|execution| format!("{name}{execution}"))
    }

    #[bulkhead(pool = POOL)]
    #[retry(attempts = 3, backoff = fixed("1ms"), repeatable)]
    #[timeout(ms = 500)]
    async fn below(service: Arc<Service>, mut name: String) -> Result<String, Fault> {
        name.push('!');
        service.call().await.map(|execution| format!("{name}{execution}"))
    }

    #[retry(attempts = 2, backoff = none, repeatable)]
    #[bulkhead(pool = POOL)]
    #[retry(attempts = 2, backoff = none, nested = repeat, repeatable)]
    async fn both(service: Arc<Service>, name: String) -> Result<String, Fault> {
        let mine = name;
        service.call().await.map(|execution| format!("{mine}{execution}"))
    }

    #[tokio::test]
    async fn every_attempt_gets_its_own_arguments() {
        let service = || Arc::new(Service::new([Transient, Transient, Good]));
        assert_eq!(above(service(), "a".to_owned()).await, Ok("a!3".to_owned()));
        assert_eq!(below(service(), "b".to_owned()).await, Ok("b!3".to_owned()));
        soon(|| POOL.gauges() == Gauges::default()).await;
    }

    #[tokio::test]
    async fn a_retry_on_the_pool_that_gives_up_is_not_repeated() {
        let service = Arc::new(Service::new([Transient]));
        assert_eq!(both(Arc::clone(&service), String::new()).await, Err(Fault::Transient(2)));
        assert_eq!(service.executions(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_error_counts_what_ran_on_the_pool() {
        static POOL: Pool = Pool::new("counts").threads(1);
        static AWAITS: AtomicU32 = AtomicU32::new(0);

        #[timeout(ms = 60)]
        #[retry(attempts = 2, backoff = none, repeatable)]
        #[bulkhead(pool = POOL)]
        #[retry(attempts = 2, backoff = none, repeatable)]
        async fn call(service: Arc<Service>) -> Reply {
            if service.executions() == 1 {
                hang(&AWAITS).await;
            }
            service.call().await
        }
        let service = Arc::new(Service::new([Transient]));
        let reply = once(|| count(&AWAITS) == 1, call(Arc::clone(&service))).await;
        assert_eq!((word(&reply), service.executions()), ("Timeout 2".to_owned(), 1));
        idle(&POOL);
    }

    #[tokio::test]
    async fn a_policy_below_rejects_before_anything_runs() {
        static OPEN: CircuitBreaker = CircuitBreaker::new("open").consecutive(1);

        #[retry(attempts = 2, backoff = none, repeatable)]
        #[bulkhead(pool = POOL)]
        #[circuit_breaker(share = OPEN)]
        async fn call(service: Arc<Service>) -> Reply {
            service.call().await
        }
        let service = Arc::new(Service::new([Transient]));
        assert_eq!(word(&call(Arc::clone(&service)).await), "CircuitOpen 1", "the first attempt ran");
        let error = rejected(call(service).await);
        assert_eq!((error.kind(), error.attempts(), error.may_have_run()), (Kind::CircuitOpen, 0, false));
    }

    #[tokio::test]
    async fn a_fallback_answers_on_its_side() {
        #[fallback(|_| Ok(format!("{name} on {}", thread())))]
        #[bulkhead(pool = POOL)]
        async fn above(name: String, service: Arc<Service>) -> Result<String, Fault> {
            service.call().await.map(|_| name)
        }
        #[timeout(secs = 20)]
        #[bulkhead(pool = POOL)]
        #[fallback(|_| Ok(format!("{name} on {}", thread())))]
        async fn below(name: String, service: Arc<Service>) -> Result<String, Fault> {
            service.call().await.map(|_| name)
        }
        #[timeout(secs = 20)]
        async fn degrades(service: Arc<Service>) -> Result<(bool, String), Fault> {
            let answer = below("b".to_owned(), service).await?;
            Ok((context::degraded(), answer))
        }
        #[fallback(|_| 7)]
        #[bulkhead(pool = POOL)]
        async fn bare(service: Arc<Service>) -> u32 {
            drop(service.call().await);
            6
        }
        let bad = Arc::new(Service::new([Transient]));
        let answer = above("a".to_owned(), Arc::clone(&bad)).await.expect("an answer");
        assert!(answer.starts_with("a on ") && answer != "a on stack", "{answer}");
        assert_eq!(degrades(Arc::clone(&bad)).await, Ok((true, "b on stack".to_owned())));
        assert_eq!(bare(bad).await, 6);
    }

    #[tokio::test]
    async fn a_hedge_hands_over_twice() {
        #[hedge(after = "1ms", repeatable)]
        #[bulkhead(pool = POOL)]
        async fn call(service: Arc<Service>, name: String) -> Result<String, Fault> {
            service.call().await.map(|execution| format!("{name}{execution}"))
        }
        let service = Arc::new(Service::new([Hang, Good]));
        assert_eq!(call(Arc::clone(&service), "a".to_owned()).await, Ok("a2".to_owned()));
        soon(|| POOL.gauges() == Gauges::default() && service.running() == 0).await;
    }

    #[tokio::test]
    async fn a_predicate_above_sees_the_arguments_that_the_body_has_taken() {
        #[retry(attempts = 3, backoff = none, when = |_| limit > 1, repeatable)]
        #[bulkhead(pool = POOL)]
        #[circuit_breaker(when = |_| limit > 0)]
        async fn call(service: Arc<Service>, limit: u32) -> Reply {
            assert!(limit < 10);
            service.call().await
        }
        let service = Arc::new(Service::new([Permanent]));
        assert_eq!(call(Arc::clone(&service), 1).await, Err(Fault::Permanent(1)));
        assert_eq!(call(service, 2).await, Err(Fault::Permanent(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ledger_above_knows_whether_it_ran() {
        #[idempotent(key = id)]
        #[timeout(ms = 30)]
        #[bulkhead(pool = POOL)]
        async fn call(id: u32, service: Arc<Service>) -> Reply {
            assert!(context::idempotency_key().is_some() && context::fencing_token().is_some());
            assert!(id < 10);
            service.call().await
        }
        let test = async {
            let service = Arc::new(Service::new([Hang, Good]));
            let cut = once(|| service.executions() == 1, call(7, Arc::clone(&service))).await;
            assert_eq!(word(&cut), "Timeout 1");
            assert_eq!(at_once(call(7, Arc::clone(&service))).await, Ok(2));
            assert_eq!(call(7, Arc::clone(&service)).await, Ok(2), "replayed");
            assert_eq!(service.executions(), 2);
        };
        Runtime::builder().memory().build().scope(test).await;
    }
}

mod what_goes_along {
    use super::*;

    static POOL: Pool = Pool::new("along").threads(2);

    #[tokio::test]
    async fn the_deadline() {
        #[bulkhead(pool = POOL)]
        async fn deadline() -> Result<Option<tokio::time::Instant>, Error> {
            Ok(context::deadline())
        }
        let at = tokio::time::Instant::now() + Duration::from_secs(9);
        assert_eq!(context::with_deadline(at, deadline()).await, Ok(Some(at)));
        assert_eq!(deadline().await, Ok(None));
    }

    /// A function that the body calls keeps the deadline on the pool's side.
    #[tokio::test]
    async fn a_timeout_inside_of_the_body() {
        #[timeout(ms = 20)]
        async fn inner(service: &Service) -> Reply {
            service.call().await
        }
        #[bulkhead(pool = POOL)]
        async fn outer(service: Arc<Service>) -> Reply {
            inner(&service).await
        }
        assert_eq!(kind(outer(Arc::new(Service::new([Hang]))).await), Kind::Timeout);
        assert_eq!(outer(Arc::new(Service::new([after(1, Good)]))).await, Ok(1));
    }

    #[tokio::test]
    async fn the_scope() {
        #[bulkhead(pool = POOL)]
        async fn remember() -> Reply {
            store(1).await
        }
        #[idempotent(key = id)]
        async fn store(id: u32) -> Reply {
            static RUNS: AtomicU32 = AtomicU32::new(0);
            Ok(id * 100 + RUNS.fetch_add(1, Ordering::SeqCst))
        }
        let (one, two) = (Runtime::builder().memory().build(), Runtime::builder().memory().build());
        assert_eq!((one.scope(remember()).await, one.scope(remember()).await), (Ok(100), Ok(100)));
        assert_eq!(two.scope(remember()).await, Ok(101));
    }

    #[tokio::test]
    async fn the_tracing_span_and_its_subscriber() {
        use tracing::Instrument;
        #[bulkhead(pool = POOL)]
        async fn name() -> Result<Option<&'static str>, Error> {
            tokio::task::yield_now().await;
            Ok(tracing::Span::current().metadata().map(tracing::Metadata::name))
        }
        assert_eq!(name().await, Ok(None));
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry());
        assert_eq!(name().instrument(tracing::info_span!("request")).await, Ok(Some("request")));
        drop(guard);
    }
}

mod shapes {
    use super::*;

    static POOL: Pool = Pool::new("shapes").threads(2);

    #[derive(Clone)]
    struct Client {
        name: String,
        breaker: Arc<CircuitBreaker>,
    }

    impl Client {
        #[bulkhead(pool = POOL)]
        async fn take(self, more: &'static str) -> Result<String, Error> {
            Ok(self.name + more)
        }

        #[bulkhead(pool = POOL)]
        async fn change(mut self) -> Result<String, Error> {
            self.name.push('?');
            Ok(self.name)
        }

        #[retry(attempts = 2, backoff = none, repeatable)]
        #[circuit_breaker(share = self.breaker)]
        #[bulkhead(pool = POOL)]
        #[retry(attempts = 2, backoff = none, nested = repeat, repeatable)]
        #[circuit_breaker(share = self.breaker)]
        async fn counted(self: Arc<Self>, service: Arc<Service>) -> Result<String, Fault> {
            let mine = self;
            let execution = service.call().await?;
            Ok(format!("{}{execution}", mine.name))
        }

        #[retry(attempts = 2, backoff = none, repeatable)]
        #[bulkhead(pool = self::POOL)]
        async fn of_all(self: Arc<Self>) -> Result<String, Fault> {
            let mine = self;
            Ok(mine.name.clone())
        }

        /// What the body does not use stays behind.
        #[bulkhead(pool = POOL)]
        async fn left(_unused: Rc<u8>, _: Rc<u8>) -> Result<(), Error> {
            Ok(())
        }
    }

    #[async_trait::async_trait]
    trait Named {
        async fn name(self: Arc<Self>, suffix: String) -> Result<String, Error>;
    }

    #[async_trait::async_trait]
    impl Named for Client {
        #[bulkhead(pool = POOL)]
        async fn name(self: Arc<Self>, suffix: String) -> Result<String, Error> {
            Ok(self.name.clone() + &suffix)
        }
    }

    #[bulkhead(pool = POOL)]
    async fn generic<T: Send + 'static>(
        (mut list, item): (Vec<T>, T),
        and: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Vec<T>, Error> {
        list.extend([item, and()]);
        Ok(list)
    }

    #[bulkhead(pool = POOL)]
    #[allow(clippy::manual_async_fn, reason = "it is written out")]
    fn block(place: String) -> impl Future<Output = Result<String, Error>> + Send {
        async move { Ok(place + &thread()) }
    }

    /// What the body only borrows is its own all the same, and need not be `Sync`.
    #[retry(attempts = 2, backoff = none, repeatable)]
    #[bulkhead(pool = POOL)]
    async fn borrows(cell: Cell<u8>, list: Vec<u8>) -> Result<u8, Error> {
        tokio::task::yield_now().await;
        cell.set(cell.get() + 1);
        tokio::task::yield_now().await;
        Ok(cell.get() + list.iter().sum::<u8>())
    }

    #[bulkhead(pool = POOL)]
    #[retry(attempts = 2, backoff = none, repeatable)]
    async fn borrows_again(cell: Cell<u8>) -> Result<u8, Error> {
        tokio::task::yield_now().await;
        Ok(cell.get())
    }

    #[tokio::test]
    async fn all_of_them() {
        let client = Client { name: "me".to_owned(), breaker: Arc::new(CircuitBreaker::new("me")) };
        let counted = Arc::new(client.clone());
        assert_eq!(client.clone().take("!").await, Ok("me!".to_owned()));
        assert_eq!(client.change().await, Ok("me?".to_owned()));
        let service = Arc::new(Service::new([Transient, Good]));
        assert_eq!(Arc::clone(&counted).counted(service).await, Ok("me2".to_owned()));
        assert_eq!(Arc::clone(&counted).of_all().await, Ok("me".to_owned()));
        assert_eq!(counted.name("s".to_owned()).await, Ok("mes".to_owned()));
        assert_eq!(generic((vec![1], 2), || 3).await, Ok(vec![1, 2, 3]));
        assert_eq!(block("on ".to_owned()).await, Ok("on shapes".to_owned()));
        assert_eq!(
            (borrows(Cell::new(1), vec![2, 3]).await, borrows_again(Cell::new(4)).await),
            (Ok(7), Ok(4))
        );
        assert_eq!(Client::left(Rc::new(1), Rc::new(2)).await, Ok(()));
        idle(&POOL);
    }
}

mod without_a_function {
    use super::*;

    #[tokio::test]
    async fn a_pool_runs_code() {
        static POOL: Pool = Pool::new("code").threads(1);
        let gate = Gate::new();
        let blocked = POOL.run({
            let gate = Arc::clone(&gate);
            async move || {
                gate.block();
                Ok::<_, Error>(thread())
            }
        });
        let full = async {
            gate.entered().await;
            let full: Result<(), Error> = POOL.run(async || Ok(())).await;
            gate.open();
            full.expect_err("full")
        };
        let (reply, error) = tokio::join!(blocked, full);
        assert_eq!(reply, Ok("code".to_owned()));
        assert_eq!((error.kind(), error.site(), error.attempts()), (Kind::BulkheadFull, "code", 0));
        idle(&POOL);
    }

    #[test]
    fn what_is_out_of_range_panics() {
        let panics = |make: fn() -> Pool| std::panic::catch_unwind(make).is_err();
        assert!(panics(|| Pool::new("x").threads(0)));
        assert!(panics(|| Pool::new("x").threads(1025)));
        assert!(panics(|| Pool::new("x").max(0)));
        assert!(panics(|| Pool::new("x").max_wait(Duration::from_secs(1))));
        assert!(!panics(|| Pool::new("x").threads(1024).max(2).queue(1).max_wait(Duration::from_secs(1))));
    }
}

/// Callers that go away at any moment, panics, timeouts: all places come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_nothing_behind() {
    static POOL: Pool = Pool::new("flood").threads(2).max(4).queue(8);

    #[timeout(ms = 2)]
    #[bulkhead(pool = POOL)]
    async fn call(what: u8) -> Result<(), Error> {
        match what {
            0 => {}
            1 => tokio::task::yield_now().await,
            2 => tokio::time::sleep(Duration::from_millis(1)).await,
            3 => std::thread::sleep(Duration::from_millis(3)),
            _ => std::future::pending().await,
        }
        Ok(())
    }

    let callers = (0..8).map(|seed| {
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            for _ in 0..100 {
                let _ = support::dropped_after(random.u64(0..4), call(random.u8(0..5))).await;
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no panic");
    }
    soon(|| POOL.gauges() == Gauges::default()).await;
}

/// The process ends while a thread of a pool is stuck for good, at once and without a word.
#[test]
fn the_process_does_not_wait() {
    static POOL: Pool = Pool::new("stuck").threads(2);

    const NAME: &str = "the_process_does_not_wait";
    if std::env::var_os(NAME).is_some() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (entered, wait) = std::sync::mpsc::channel();
        runtime.block_on(async {
            tokio::spawn(async move {
                POOL.run(async move || {
                    entered.send(()).expect("somebody waits");
                    loop {
                        std::thread::park();
                    }
                    #[allow(unreachable_code, reason = "it says what the loop would return")]
                    Ok::<(), Error>(())
                })
                .await
            });
            tokio::task::yield_now().await;
            wait.recv().expect("the body starts");
        });
        drop(runtime);
        assert_eq!(POOL.gauges().abandoned, 1);
        return;
    }
    let child = std::process::Command::new(std::env::current_exe().expect("a test"))
        .args(["--exact", NAME, "--nocapture"])
        .env(NAME, "1")
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success() && !said.contains("panicked"), "{said}");
}
