//! What `#[rate_limit(fleet)]` does, in paused time, over a store that can be slow, deaf or gone. Over real servers:
//! `resilience-runtime/src/quota/tests.rs`.
#![allow(missing_docs)]

mod support;

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use resilience::ledger::{LedgerError, Reply as Answer};
use resilience::quota::{Draw, Drawn, Quotas};
use resilience::{Fail, Kind, RateLimit, Runtime, context, rate_limit, retry, timeout};
use support::{Good, Reply, Service, dropped_after, events, pass, poll_times, rejected, timed, word};
use tokio::time::{Instant, sleep};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A store in memory, after the simple model: a bucket that fills.
#[derive(Clone, Default)]
struct Store(Arc<Inner>);

#[derive(Default)]
struct Inner {
    how: Mutex<How>,
    buckets: Mutex<HashMap<[u8; 32], (Duration, Instant)>>,
    draws: AtomicU32,
    granted: AtomicU32,
}

#[derive(Clone, Copy, Default)]
struct How {
    takes: Duration,
    /// It does nothing, and says so.
    down: bool,
    /// What it answers gets lost, once it has happened.
    loses: bool,
    /// It never answers.
    deaf: bool,
}

impl Store {
    fn is(&self, how: How) {
        *self.0.how.lock().expect("no panic under the lock") = how;
    }

    fn draws(&self) -> u32 {
        self.0.draws.load(SeqCst)
    }

    /// How many limits it knows.
    fn limits(&self) -> usize {
        self.0.buckets.lock().expect("no panic under the lock").len()
    }

    fn take(&self, draw: Draw) -> Drawn {
        let mut buckets = self.0.buckets.lock().expect("no panic under the lock");
        let (full, now) = (draw.interval * draw.burst, Instant::now());
        let (bucket, at) = buckets.entry(draw.limit).or_insert((full, now));
        *bucket = full.min(*bucket + (now - *at));
        *at = now;
        let there = u32::try_from(bucket.as_nanos() / draw.interval.as_nanos()).expect("small");
        if there < draw.least {
            return Drawn::NoneFor((draw.interval * draw.least).saturating_sub(*bucket));
        }
        let granted = there.min(draw.wanted);
        *bucket -= draw.interval * granted;
        self.0.granted.fetch_add(granted, SeqCst);
        Drawn::Granted(granted)
    }
}

impl Quotas for Store {
    fn draw(&self, draw: Draw) -> Answer<'_, Drawn> {
        self.0.draws.fetch_add(1, SeqCst);
        assert!(1 <= draw.least && draw.least <= draw.wanted && draw.wanted <= draw.burst, "{draw:?}");
        let how = *self.0.how.lock().expect("no panic under the lock");
        Answer::later(async move {
            sleep(how.takes / 2).await;
            if how.down {
                return Err(LedgerError::new("connection refused"));
            }
            let drawn = self.take(draw);
            sleep(how.takes / 2).await;
            if how.deaf {
                std::future::pending::<()>().await;
            }
            if how.loses { Err(LedgerError::new("connection reset")) } else { Ok(drawn) }
        })
    }
}

fn runtime(store: &Store) -> Runtime {
    Runtime::builder().memory().quotas(store.clone()).build()
}

/// A hundred per second, and as many at once, for this test alone.
macro_rules! hundred {
    ($($more:tt)*) => {
        #[rate_limit(permits = 100, per = "1s", fleet $($more)*)]
        async fn hundred(service: &Service) -> Reply {
            service.call().await
        }
    };
}

/// One call after the other, each after such a pause; how many pass in this time.
async fn load(service: &Service, pause: Duration, time: Duration) -> (u32, u32) {
    hundred!();
    let (end, mut calls, mut passed) = (Instant::now() + time, 0, 0);
    while Instant::now() < end {
        calls += 1;
        passed += u32::from(hundred(service).await.is_ok());
        sleep(pause).await;
    }
    (calls, passed)
}

#[tokio::test(start_paused = true)]
async fn three_hosts_keep_to_one_limit_and_the_store_sees_few_of_their_calls() {
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { takes: ms(2), ..How::default() });
    let runtimes = [runtime(&store), runtime(&store), runtime(&store)];
    let [a, b, c] = runtimes.each_ref().map(|runtime| runtime.scope(load(&service, ms(1), ms(10_000))));
    let (a, b, c) = tokio::join!(a, b, c);
    let (calls, passed) = (a.0 + b.0 + c.0, a.1 + b.1 + c.1);
    assert!(passed <= 100 + 1_000 + 10, "{passed} of {calls}");
    assert!(passed >= 990, "{passed} of {calls}");
    assert!(store.draws() * 20 <= calls, "{} draws for {calls} calls", store.draws());
    assert!([a, b, c].iter().all(|(_, passed)| passed * 5 >= 1_000), "nobody starves: {a:?} {b:?} {c:?}");
}

/// Also where nobody has to wait: the store sees a batch for many calls.
#[tokio::test(start_paused = true)]
async fn a_host_below_the_limit_is_never_rejected() {
    let (store, service) = (Store::default(), Service::new([Good]));
    let (calls, passed) = runtime(&store).scope(load(&service, ms(12), ms(10_000))).await;
    assert_eq!(calls, passed);
    assert!(store.draws() * 4 <= calls, "{} draws for {calls} calls", store.draws());
}

#[tokio::test(start_paused = true)]
async fn in_memory_it_is_a_fleet_of_one_and_says_so_once() {
    #[rate_limit(permits = 10, per = "1s", burst = 2, weight = weight, fleet)]
    async fn call(weight: u32, service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Good]);
    let calls = async {
        assert_eq!(word(&call(1, &service).await), "ok");
        assert_eq!(word(&call(1, &service).await), "ok");
        let error = rejected(call(1, &service).await);
        assert_eq!((error.kind(), error.retry_after()), (Kind::RateLimited, Some(ms(100))));
        assert!(!error.may_have_run());
        assert_eq!(rejected(call(2, &service).await).retry_after(), Some(ms(200)));
        assert_eq!(rejected(call(3, &service).await).retry_after(), None, "it can never pass");
        assert_eq!(word(&call(0, &service).await), "ok", "it takes nothing");
        pass(100).await;
        assert_eq!(word(&call(1, &service).await), "ok");
        assert_eq!(word(&call(1, &service).await), "RateLimited 0");
    };
    Runtime::builder().build().scope(calls).await;
    let rejections = vec!["rejected RateLimited"; 4];
    assert_eq!(events::take(), [vec!["counted_alone"], rejections].concat());
    Runtime::builder().memory().build().scope(call(1, &service)).await.expect("another limit");
    assert!(events::take().is_empty(), "it was asked for");
}

/// A subscriber may do anything with an event, also call what it is about.
#[test]
fn an_event_is_told_when_nobody_waits_for_the_teller() {
    static LIMIT: RateLimit = RateLimit::new("told", 10).burst(2).fleet(Fail::Closed);

    async fn call() -> Result<(), resilience::Error> {
        LIMIT.run(async || Ok(())).await
    }

    struct Calls;
    impl tracing::Subscriber for Calls {
        fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
            true
        }
        fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
            tracing::Id::from_u64(1)
        }
        fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}
        fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}
        fn event(&self, _: &tracing::Event<'_>) {
            assert_eq!(poll_times(call(), 1), Some(Ok(())), "it goes on");
        }
        fn enter(&self, _: &tracing::Id) {}
        fn exit(&self, _: &tracing::Id) {}
    }

    let (done, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let reply = tracing::subscriber::with_default(Calls, || tokio_runtime().block_on(call()));
        done.send(reply).expect("somebody listens");
    });
    assert_eq!(told.recv_timeout(ms(5_000)).expect("it ends"), Ok(()));
}

#[tokio::test(start_paused = true)]
async fn a_crowd_waits_for_one_draw_at_a_time() {
    hundred!();
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { takes: ms(30), ..How::default() });
    let crowd = (0..1_000).map(|_| timed(hundred(&service)));
    let crowd = futures(crowd);
    let replies = runtime(&store).scope(crowd).await;
    let passed = replies.iter().filter(|(reply, _)| reply.is_ok()).count();
    assert!((100..=110).contains(&passed), "{passed}");
    let longest = replies.iter().map(|(_, waited)| *waited).max();
    assert!(longest <= Some(94), "one draw for the first, one for a burst, one for the rest: {longest:?}");
    assert!(store.draws() <= 3, "{}", store.draws());
}

/// All of them at once.
async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|cx| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(cx)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

/// Nobody waits for an answer that cannot be for it: the line is as long as the bucket.
#[tokio::test(start_paused = true)]
async fn a_crowd_beyond_the_bucket_is_told_at_once() {
    hundred!();
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { takes: ms(30), ..How::default() });
    let crowd = futures((0..1_000).map(|_| timed(hundred(&service))));
    let replies = runtime(&store).scope(crowd).await;
    let at_once: Vec<_> = replies.into_iter().filter(|(_, waited)| *waited == 0).collect();
    assert_eq!(at_once.len(), 900);
    assert!(at_once.into_iter().all(|(reply, _)| rejected(reply).retry_after() == Some(ms(10))));
}

#[tokio::test(start_paused = true)]
async fn who_may_wait_waits_for_what_comes_back() {
    #[rate_limit(permits = 10, per = "1s", burst = 2, max_wait = "250ms", fleet)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let (store, service) = (Store::default(), Service::new([Good]));
    let calls = async {
        let replies = futures((0..6).map(|_| timed(call(&service)))).await;
        let waits: Vec<_> = replies.iter().map(|(reply, waited)| (word(reply), *waited)).collect();
        let expected =
            [("ok", 0), ("ok", 0), ("ok", 100), ("ok", 200), ("RateLimited 0", 0), ("RateLimited 0", 0)];
        assert_eq!(waits, expected.map(|(word, waited)| (word.to_owned(), waited)));
        assert_eq!(rejected(replies.into_iter().next_back().expect("six").0).retry_after(), Some(ms(300)));
        // Those who leave give their place to those behind.
        let (gone, next) = tokio::join!(dropped_after(20, call(&service)), timed(call(&service)));
        assert_eq!((gone, next.1), (None, 100));
        let deadline = Instant::now() + ms(50);
        assert_eq!(word(&context::with_deadline(deadline, call(&service)).await), "DeadlineExceeded 0");
    };
    runtime(&store).scope(calls).await;
}

#[tokio::test(start_paused = true)]
async fn a_deadline_cuts_the_wait_for_a_slow_store() {
    hundred!();
    #[timeout(ms = 40)]
    async fn in_time(service: &Service) -> Reply {
        hundred(service).await
    }
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { takes: ms(100), ..How::default() });
    let calls = async {
        let deadline = Instant::now() + ms(30);
        let (reply, waited) = timed(context::with_deadline(deadline, hundred(&service))).await;
        assert_eq!((word(&reply).as_str(), waited), ("DeadlineExceeded 0", 30));
        pass(70).await;
        // The permit was drawn for one who did not wait for it, and is there for the next.
        let (reply, waited) = timed(in_time(&service)).await;
        assert_eq!((word(&reply).as_str(), waited, store.draws()), ("ok", 0, 1));
        let (reply, waited) = timed(in_time(&service)).await;
        assert_eq!((word(&reply).as_str(), waited), ("Timeout 1", 40));
    };
    runtime(&store).scope(calls).await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_while_the_store_is_asked_leaves_the_permits_here() {
    hundred!();
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { takes: ms(10), ..How::default() });
    let calls = async {
        assert!(dropped_after(5, hundred(&service)).await.is_none());
        pass(5).await;
        assert_eq!(timed(hundred(&service)).await.1, 0);
        assert_eq!(store.draws(), 1);
        // What nobody uses in a tenth of a second is of no use.
        assert!(dropped_after(5, hundred(&service)).await.is_none());
        pass(120).await;
        assert_eq!(timed(hundred(&service)).await.1, 10);
        assert_eq!(store.draws(), 3);
    };
    runtime(&store).scope(calls).await;
}

#[tokio::test(start_paused = true)]
async fn closed_rejects_while_the_store_is_down_and_leaves_it_alone() {
    hundred!();
    events::record();
    let (store, service) = (Store::default(), Service::new([Good]));
    let calls = async {
        store.is(How { down: true, takes: ms(2), ..How::default() });
        let (reply, waited) = timed(hundred(&service)).await;
        let error = rejected(reply);
        assert_eq!((error.kind(), error.may_have_run(), waited), (Kind::Store, false, 1));
        assert_eq!(error.source().expect("it says why").to_string(), "connection refused");
        let pause = error.retry_after().expect("when it is asked again");
        assert!((ms(50)..=ms(100)).contains(&pause), "scattered over the second half: {pause:?}");
        let (reply, waited) = timed(hundred(&service)).await;
        assert_eq!((word(&reply).as_str(), waited), ("Store 0", 0), "it is not asked again at once");
        for _ in 0..9_000 {
            assert_eq!(word(&hundred(&service).await), "Store 0");
            pass(1).await;
        }
        assert!((9..22).contains(&store.draws()), "{} draws in 9 s", store.draws());
        store.is(How::default());
        pass(1_000).await;
        assert_eq!(word(&hundred(&service).await), "ok");
        let mut told = events::take();
        told.retain(|event| !event.starts_with("rejected"));
        assert_eq!(told, ["quota_down connection refused", "quota_back"]);
    };
    runtime(&store).scope(calls).await;
    assert_eq!(service.executions(), 1);
}

#[tokio::test(start_paused = true)]
async fn open_lets_all_pass_while_the_store_is_down() {
    hundred!( = open);
    events::record();
    let (store, service) = (Store::default(), Service::new([Good]));
    let calls = async {
        store.is(How { down: true, takes: ms(2), ..How::default() });
        for number in 0..1_000 {
            let (reply, waited) = timed(hundred(&service)).await;
            assert_eq!((word(&reply).as_str(), waited), ("ok", u128::from(number == 0)));
            pass(1).await;
        }
        assert!(store.draws() < 8, "{}", store.draws());
        store.is(How::default());
        pass(1_000).await;
        assert_eq!(word(&hundred(&service).await), "ok");
        pass(10).await;
        assert_eq!(events::take(), ["quota_down connection refused", "quota_back"]);
        let passed = futures((0..200).map(|_| hundred(&service))).await;
        let passed = passed.iter().filter(|reply| reply.is_ok()).count();
        assert!((90..=110).contains(&passed), "it counts again: {passed}");
    };
    runtime(&store).scope(calls).await;
}

#[tokio::test(start_paused = true)]
async fn a_deaf_store_holds_nobody_up_for_long() {
    hundred!();
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { deaf: true, ..How::default() });
    let calls = async {
        let both = tokio::join!(timed(hundred(&service)), timed(hundred(&service)));
        for (reply, waited) in [both.0, both.1] {
            assert_eq!((word(&reply).as_str(), waited), ("Store 0", 1_000));
        }
        assert_eq!(timed(hundred(&service)).await.1, 0);
    };
    runtime(&store).scope(calls).await;
}

/// A draw whose answer is lost has taken permits. They are given to nobody, and to nobody twice.
#[tokio::test(start_paused = true)]
async fn what_a_lost_answer_has_drawn_is_lost() {
    let (store, service) = (Store::default(), Service::new([Good]));
    let runtime = runtime(&store);
    let mut passed = 0;
    for round in 0..20 {
        store.is(How { loses: round % 2 == 0, ..How::default() });
        passed += runtime.scope(load(&service, ms(1), ms(500))).await.1;
    }
    let granted = store.0.granted.load(SeqCst);
    assert!(passed <= granted && granted <= 100 + 1_000, "{passed} of {granted}");
    assert!(passed >= 400, "{passed} of {granted}");
}

fn tokio_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it starts")
}

/// Whatever becomes of the tokio runtime whose call has sent the draw: it is not run any more, it is gone, its thread
/// blocks. The others hear what the store answers, as soon as it does.
#[test]
fn no_callers_runtime_drives_what_others_wait_for() {
    hundred!();
    let others_are_served = |becomes: &str, hold: fn(tokio::runtime::Runtime)| {
        let (store, service) = (Store::default(), Service::new([Good]));
        store.is(How { takes: ms(60), ..How::default() });
        let (runtime, one, two) = (runtime(&store), tokio_runtime(), tokio_runtime());
        assert!(one.block_on(runtime.scope(dropped_after(5, hundred(&service)))).is_none());
        std::thread::scope(|scope| {
            scope.spawn(|| hold(one));
            let (reply, waited) = two.block_on(runtime.scope(timed(hundred(&service))));
            assert_eq!((word(&reply).as_str(), store.draws()), ("ok", 1), "{becomes}");
            assert!(waited < 300, "{becomes}: {waited} ms");
        });
    };
    others_are_served("it is not run any more", |one| {
        std::thread::sleep(ms(400));
        drop(one);
    });
    others_are_served("it is gone", drop);
    others_are_served("its thread blocks", |one| one.block_on(async { std::thread::sleep(ms(400)) }));
}

#[tokio::test(start_paused = true)]
async fn each_key_and_each_limit_of_a_function_is_a_limit_of_its_own() {
    #[rate_limit(permits = 10, burst = 3, fleet)]
    #[rate_limit(permits = 1, per = "1m", burst = 2, key = tenant, fleet)]
    #[rate_limit(permits = 1, per = "1m", burst = 2, key = user, fleet)]
    async fn call(tenant: u32, user: u32, service: &Service) -> Reply {
        service.call().await
    }
    let (store, service) = (Store::default(), Service::new([Good]));
    // The same number as a tenant and as a user, in two hosts.
    for (tenant, user, expected) in [(1, 1, "ok"), (1, 2, "ok"), (2, 1, "ok"), (1, 3, "RateLimited 0")] {
        let reply = runtime(&store).scope(call(tenant, user, &service)).await;
        assert_eq!(word(&reply), expected);
        pass(300).await;
    }
    assert_eq!(store.limits(), 1 + 2 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_shared_limit_is_counted_for_the_fleet_under_its_name() {
    static API: RateLimit = RateLimit::new("api", 10).burst(2).fleet(Fail::Closed);
    static SAME: RateLimit = RateLimit::new("api", 10).burst(2).fleet(Fail::Open);
    #[rate_limit(share = API)]
    async fn read(service: &Service) -> Reply {
        service.call().await
    }
    #[rate_limit(share = SAME, weight = 2)]
    async fn search(service: &Service) -> Reply {
        service.call().await
    }
    let (store, service) = (Store::default(), Service::new([Good]));
    let (one, two) = (runtime(&store), runtime(&store));
    assert_eq!(word(&one.scope(read(&service)).await), "ok");
    assert_eq!(rejected(two.scope(search(&service)).await).retry_after(), Some(ms(100)));
    assert_eq!(word(&two.scope(API.run(async || service.call().await)).await), "ok");
    assert_eq!(store.limits(), 1);
    assert_eq!(two.scope(async { API.gauges() }).await, resilience::Gauges::default());
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_a_retry() {
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    #[rate_limit(permits = 10, fleet)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let (store, service) = (Store::default(), Service::new([Good]));
    store.is(How { down: true, ..How::default() });
    let (reply, waited) = runtime(&store).scope(timed(call(&service))).await;
    assert_eq!((word(&reply).as_str(), waited, store.draws()), ("Store 0", 0, 1));
}
