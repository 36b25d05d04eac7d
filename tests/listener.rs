//! Whoever listens to the events may ask all that answers at once: no event is told under a lock.
#![allow(missing_docs)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::Duration;

use resilience::ledger::{LedgerError, Reply};
use resilience::quota::{Draw, Drawn, Quotas};
use resilience::{
    Bulkhead, CircuitBreaker, Exclusive, Fail, Failure, IdempotencyKey, RateLimit, Runtime, bulkhead,
    fallback, idempotent, manifest, retry,
};
use tokio::time::sleep;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context as Layered, SubscriberExt};

#[derive(Debug, Clone, thiserror::Error, Failure)]
enum Fault {
    #[error("unreachable")]
    #[failure(transient)]
    Unreachable,
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

type Done = Result<u32, Fault>;

static BREAKER: CircuitBreaker =
    CircuitBreaker::new("breaker").consecutive(1).open_for(Duration::from_secs(1)).probes(1);
static DESK: Bulkhead = Bulkhead::new("desk", 1);
static LIMIT: RateLimit = RateLimit::new("limit", 1);
static OF_THE_FLEET: RateLimit = RateLimit::new("fleet", 1_000).fleet(Fail::Open);
static RIGHT: Exclusive = Exclusive::new("right");

#[idempotent(key = order)]
async fn charge(order: u32) -> Done {
    Ok(order)
}

#[idempotent(key = order, guarantee = at_most_once)]
async fn ship(order: u32) -> Done {
    pending::<()>().await;
    Ok(order)
}

#[bulkhead(max = 1, key = tenant, max_keys = 1)]
async fn scan(tenant: &str, ends: bool) -> Done {
    if ends { Ok(1) } else { pending().await }
}

#[fallback(|_| Ok(0))]
#[retry(attempts = 2, repeatable)]
async fn fetch() -> Done {
    BREAKER.run(async || Err(Fault::Unreachable)).await
}

fn polled<F: Future>(future: Pin<&mut F>) {
    let _ = future.poll(&mut Context::from_waker(Waker::noop()));
}

/// That of the test which runs now.
static RUNTIME: Mutex<Option<Runtime>> = Mutex::new(None);
static HEARD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Asks for everything at each event.
struct Listener;

thread_local! {
    static ASKS: Cell<bool> = const { Cell::new(false) };
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Layered<'_, S>) {
        if event.metadata().target() != "resilience" || ASKS.replace(true) {
            return;
        }
        event.record(&mut Name);
        let runtime = RUNTIME.lock().expect("no panic under the lock").clone().expect("one runs");
        ask(&runtime);
        ASKS.set(false);
    }
}

struct Name;

impl Visit for Name {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            HEARD.lock().expect("no panic under the lock").insert(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Everything that answers at once, and everything else for one poll.
fn ask(runtime: &Runtime) {
    let _ = (runtime.evicted(), BREAKER.state(), BREAKER.gauges(), DESK.gauges(), LIMIT.gauges());
    let _ = (OF_THE_FLEET.gauges(), manifest().map(resilience::Site::gauges).count());
    let _ = (resilience::context::deadline(), resilience::context::degraded());
    let operator = runtime.operator();
    polled(pin!(operator.in_doubt(10)));
    for order in 1..4 {
        let key = IdempotencyKey::of("listener::charge", None::<&str>, &order).expect("a good key");
        polled(pin!(operator.inspect(key)));
        polled(pin!(operator.forget(key, 0)));
        polled(pin!(operator.resolve(key, 0, &7)));
        polled(pin!(runtime.scope(charge(order))));
    }
    polled(pin!(runtime.scope(async {
        let _: Done = BREAKER.run(async || Ok(1)).await;
    })));
    polled(pin!(runtime.scope(async {
        let _: Done = DESK.run(async || Ok(1)).await;
    })));
    polled(pin!(runtime.scope(async {
        let _: Done = LIMIT.run(async || Ok(1)).await;
    })));
    polled(pin!(runtime.scope(async {
        let _: Done = OF_THE_FLEET.run(async || Ok(1)).await;
    })));
    polled(pin!(runtime.scope(async {
        let _: Done = RIGHT.run(async || Ok(1)).await;
    })));
    polled(pin!(runtime.scope(scan("a", true))));
    polled(pin!(runtime.scope(scan("b", true))));
    polled(pin!(runtime.scope(fetch())));
    polled(pin!(runtime.drain(tokio::time::Instant::now())));
}

/// A store of limits that is down for a while.
struct Store;

static DOWN: AtomicBool = AtomicBool::new(false);

impl Quotas for Store {
    fn draw(&self, draw: Draw) -> Reply<'_, Drawn> {
        Reply::now(if DOWN.load(SeqCst) {
            Err(LedgerError::new("the line is dead"))
        } else {
            Ok(Drawn::Granted(draw.least))
        })
    }
}

/// A test within a runtime that keeps one result.
async fn within(test: impl AsyncFnOnce(&Runtime)) {
    let runtime = Runtime::builder().memory_capacity(1).quotas(Store).build();
    *RUNTIME.lock().expect("no panic under the lock") = Some(runtime.clone());
    test(&runtime).await;
}

async fn everything() {
    // By a write.
    within(async |runtime| {
        for order in 1..4 {
            let _ = runtime.scope(charge(order)).await;
        }
        assert!(runtime.evicted() > 0);
    })
    .await;
    // By a decision.
    within(async |runtime| {
        polled(pin!(runtime.scope(ship(9))));
        let _ = runtime.scope(charge(1)).await;
        let key = IdempotencyKey::of("listener::ship", None::<&str>, &9).expect("a good key");
        let entry = runtime.operator().inspect(key).await.expect("memory answers").expect("in doubt");
        // There is room for one that is in doubt.
        assert!(runtime.scope(ship(10)).await.is_err());
        assert!(runtime.operator().resolve(key, entry.fence, &7).await.expect("memory answers"));
    })
    .await;
    within(async |runtime| {
        for _ in 0..4 {
            let _ = runtime.scope(fetch()).await;
            sleep(Duration::from_secs(2)).await;
        }
    })
    .await;
    within(async |runtime| {
        // Somebody is inside, and stays there.
        let mut inside = pin!(runtime.scope(DESK.run(async || pending::<Done>().await)));
        polled(inside.as_mut());
        let mut reading = pin!(runtime.scope(scan("a", false)));
        polled(reading.as_mut());
        for _ in 0..2 {
            let _ = runtime.scope(DESK.run(async || Done::Ok(1))).await;
            let _ = runtime.scope(LIMIT.run(async || Done::Ok(1))).await;
            let _ = runtime.scope(scan("a", true)).await;
            let _ = runtime.scope(scan("b", true)).await;
            let _ = runtime.scope(RIGHT.run(async || Done::Ok(1))).await;
        }
    })
    .await;
    within(async |runtime| {
        for down in [false, true, false] {
            DOWN.store(down, SeqCst);
            for _ in 0..3 {
                let _ = runtime.scope(OF_THE_FLEET.run(async || Done::Ok(1))).await;
                sleep(Duration::from_secs(5)).await;
            }
        }
    })
    .await;
}

#[test]
fn no_event_is_told_under_a_lock() {
    let listener = tracing_subscriber::registry().with(Listener);
    tracing::subscriber::set_global_default(listener).expect("the only subscriber");
    let (done, told) = mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(everything());
        done.send(()).expect("somebody waits");
    });
    let ended = told.recv_timeout(Duration::from_secs(30));
    let heard = HEARD.lock().expect("no panic under the lock").clone();
    assert!(ended.is_ok(), "somebody asked under a lock, or panicked, after {heard:?}");
    let told = [
        "degraded",
        "elected",
        "evicted",
        "in_doubt",
        "keys_full",
        "ledger_full",
        "quota_back",
        "quota_down",
        "rejected",
        "replayed",
        "retry_scheduled",
        "transition",
    ];
    for event in told {
        assert!(heard.contains(event), "no {event} in {heard:?}");
    }
}
