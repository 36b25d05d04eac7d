//! Futures that are polled a few times and then left alone: kept, and never polled again, as by a `select!` over a
//! reference or a buffer of futures. They hold up nobody else beyond its own limits.
#![allow(missing_docs)]

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use resilience::ledger::Reply as Answer;
use resilience::quota::{Draw, Drawn, Quotas};
use resilience::{
    Bulkhead, Error, Gauges, Kind, Pool, Runtime, bulkhead, circuit_breaker, hedge, rate_limit, timeout,
};
use support::{Good, Hang, Reply, Service, Transient, after, pass, timed, word};
use tokio::time::sleep;

/// Polls a future so many times, without waiting for anything between, and keeps it.
fn left_alone<F: Future>(future: F, polls: usize) -> LeftAlone<F> {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            return LeftAlone(None);
        }
    }
    LeftAlone(Some(future))
}

/// A future that is alive, and that nobody polls. `None` if it has ended before.
struct LeftAlone<F>(Option<Pin<Box<F>>>);

impl<F: Future> LeftAlone<F> {
    /// Somebody polls it after all.
    async fn wakes(self) -> F::Output {
        self.0.expect("it has not ended").await
    }
}

const MOST_POLLS: usize = 4;

/// The result of a call, and the milliseconds that it took. A call that hangs fails its test, instead of hanging it.
async fn in_time<F: Future>(call: F) -> (F::Output, u128) {
    tokio::time::timeout(Duration::from_secs(20), timed(call)).await.expect("it hangs")
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

mod bulkheads {
    use super::*;

    macro_rules! one_place {
        ($($more:tt)*) => {
            #[bulkhead(max = 1, $($more)*)]
            async fn call(service: &Service) -> Reply {
                service.call().await
            }
        };
    }

    /// The first of those who wait, or the first few of them.
    #[tokio::test(start_paused = true)]
    async fn who_waits_behind_one_that_is_left_alone_gets_in() {
        one_place!(queue = 8);
        for idle in 1..4 {
            let service = Service::new([after(5, Good)]);
            let first = call(&service);
            let mut first = Box::pin(first);
            assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let idle: Vec<_> = (0..idle).map(|_| left_alone(call(&service), 1)).collect();
            let ((_, one), (_, two), (_, first)) =
                tokio::join!(in_time(call(&service)), in_time(call(&service)), in_time(first));
            assert_eq!(first, 5);
            assert!(one < two && two <= 1_100, "the others get in one after the other: {one} and {two} ms");
            assert_eq!(service.executions(), 3);
            // Those who have missed their turn hold up nobody a second time.
            assert!(in_time(call(&service)).await.1 <= 105);
            assert_eq!(in_time(call(&service)).await.1, 5);
            assert_eq!(service.executions(), 5);
            drop(idle);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_later_gets_in_and_so_does_one_that_wakes_up() {
        one_place!(queue = 8);
        let service = Service::new([after(5, Good)]);
        for polls in 1..MOST_POLLS {
            let first = left_alone(call(&service), 1);
            let idle = left_alone(call(&service), polls);
            assert_eq!(word(&first.wakes().await), "ok");
            pass(10_000).await;
            let (reply, waited) = in_time(call(&service)).await;
            assert_eq!(word(&reply), "ok");
            assert!(waited <= 105, "as soon as it has seen that nobody comes for the place: {waited} ms");
            // In its turn: in front of those who came after it.
            let holder = left_alone(call(&service), 1);
            let idle = left_alone(idle.wakes(), 1);
            let (later, idle, _) =
                tokio::join!(in_time(call(&service)), in_time(idle.wakes()), holder.wakes());
            assert_eq!((word(&idle.0).as_str(), idle.1, later.1), ("ok", 10, 15));
        }
    }

    /// Woken up while the place is on offer, or when it is free again.
    #[tokio::test(start_paused = true)]
    async fn one_that_wakes_up_in_time_loses_nothing() {
        one_place!(queue = 8);
        let service = Service::new([after(5, Good)]);
        let first = left_alone(call(&service), 1);
        let idle = left_alone(call(&service), 1);
        let wakes = async {
            pass(90).await;
            in_time(idle.wakes()).await
        };
        let ((idle, waited), (_, later), _) = tokio::join!(wakes, in_time(call(&service)), first.wakes());
        assert_eq!((word(&idle).as_str(), waited, later), ("ok", 5, 100));

        let first = left_alone(call(&service), 1);
        let idle = left_alone(call(&service), 1);
        first.wakes().await.expect("good");
        call(&service).await.expect("it takes the place of the other one");
        assert_eq!(in_time(idle.wakes()).await.1, 5, "the place is free");
    }

    /// Dropped in the end, it passes on what it was offered.
    #[tokio::test(start_paused = true)]
    async fn one_that_is_dropped_passes_its_place_on_at_once() {
        one_place!(queue = 8);
        let service = Service::new([after(5, Good)]);
        let first = left_alone(call(&service), 1);
        let idle = left_alone(call(&service), 1);
        let drops = async {
            pass(20).await;
            drop(idle);
        };
        let (next, _, ()) = tokio::join!(in_time(call(&service)), first.wakes(), drops);
        assert_eq!(next.1, 20 + 5);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_left_alone_inside_keeps_its_place_and_the_others_their_limits() {
        one_place!(queue = 8, max_wait = "300ms");
        let service = Service::new([Hang, Good]);
        for polls in 1..MOST_POLLS {
            service.now([Hang, Good]);
            let inside = left_alone(call(&service), polls);
            let (one, two) = tokio::join!(in_time(call(&service)), in_time(call(&service)));
            for (reply, waited) in [one, two] {
                assert_eq!((word(&reply).as_str(), waited), ("BulkheadFull 0", 300));
            }
            drop(inside);
            assert_eq!(word(&call(&service).await), "ok");
        }
    }

    /// Many calls, one in three of which is left alone, at one moment or another: all others get in. Three that are left
    /// alone cost them a look and a grace, and there are ten times three.
    #[tokio::test(start_paused = true)]
    async fn in_a_crowd() {
        static CROWD: Bulkhead = Bulkhead::new("crowd", 3).queue(100);
        let service = Arc::new(Service::new([after(5, Good)]));
        let (mut idle, mut runs) = (Vec::new(), Vec::new());
        for number in 0..90 {
            let service = Arc::clone(&service);
            let call = CROWD.run(async move || service.call().await);
            if number % 3 == 1 && number >= 3 {
                idle.push(left_alone(call, 1 + number % MOST_POLLS));
            } else {
                runs.push(tokio::spawn(in_time(call)));
                tokio::task::yield_now().await;
            }
        }
        for run in runs {
            let (reply, waited) = run.await.expect("no panic");
            assert_eq!(word(&reply), "ok");
            assert!(waited <= 10 * (500 + 100) + 30 * 5, "{waited}");
        }
        // Some have an offer, the others have missed theirs, or wait.
        assert_eq!(CROWD.gauges().running + CROWD.gauges().waiting, idle.len());
        drop(idle);
        assert_eq!(CROWD.gauges(), Gauges::default());
    }
}

mod pools {
    use super::*;

    /// In real time: that of a pool is real.
    async fn soon(is_so: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !is_so() {
            assert!(start.elapsed() < Duration::from_secs(10), "it never came to be");
            sleep(ms(1)).await;
        }
    }

    #[tokio::test]
    async fn a_body_runs_to_its_end_and_its_place_comes_back() {
        static POOL: Pool = Pool::new("left alone").threads(1).queue(4);
        static ENDED: AtomicU32 = AtomicU32::new(0);

        #[bulkhead(pool = POOL)]
        async fn call() -> Result<(), Error> {
            sleep(ms(2)).await;
            ENDED.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }

        for polls in 0..MOST_POLLS {
            let before = ENDED.load(Ordering::SeqCst);
            let begun = u32::from(polls > 0);
            let call = left_alone(call(), polls);
            soon(|| ENDED.load(Ordering::SeqCst) == before + begun).await;
            soon(|| POOL.gauges() == Gauges::default()).await;
            assert_eq!(call.wakes().await, Ok(()));
        }
    }

    #[tokio::test]
    async fn who_waits_behind_one_that_is_left_alone_gets_in() {
        static POOL: Pool = Pool::new("one").threads(1).queue(4);

        #[bulkhead(pool = POOL)]
        async fn call() -> Result<(), Error> {
            sleep(ms(2)).await;
            Ok(())
        }

        let first = left_alone(call(), 1);
        let idle = left_alone(call(), 1);
        soon(|| POOL.gauges().waiting == 0).await;
        let (reply, waited) = in_time(call()).await;
        assert_eq!(reply, Ok(()));
        assert!((90..1_000).contains(&waited), "{waited} ms");
        drop((first, idle));
        soon(|| POOL.gauges() == Gauges::default()).await;
    }
}

mod limits {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_with_a_reservation() {
        #[rate_limit(permits = 10, burst = 1, max_wait = "1s")]
        async fn call(service: &Service) -> Reply {
            service.call().await
        }
        let service = Service::new([Good]);
        for polls in 1..MOST_POLLS {
            assert_eq!(word(&call(&service).await), "ok");
            let idle = left_alone(call(&service), polls);
            let (one, two) = tokio::join!(in_time(call(&service)), in_time(call(&service)));
            assert_eq!((one.1, two.1), (200, 300), "its reservation is one of ten in a second");
            assert_eq!(word(&idle.wakes().await), "ok");
            pass(1_000).await;
        }
    }

    /// A store that answers after a while.
    struct Slow(AtomicU32);

    impl Quotas for Slow {
        fn draw(&self, draw: Draw) -> Answer<'_, Drawn> {
            self.0.fetch_add(1, Ordering::SeqCst);
            Answer::later(async move {
                sleep(ms(30)).await;
                Ok(Drawn::Granted(draw.wanted))
            })
        }
    }

    /// The draw is on its way for all, whoever has sent it.
    #[tokio::test(start_paused = true)]
    async fn one_that_draws_for_the_fleet() {
        #[rate_limit(permits = 10, fleet)]
        async fn call(service: &Service) -> Reply {
            service.call().await
        }
        let service = Service::new([Good]);
        for polls in 1..MOST_POLLS {
            let runtime = Runtime::builder().quotas(Slow(AtomicU32::new(0))).build();
            let calls = async {
                let _draws = left_alone(call(&service), polls);
                let (one, two) = tokio::join!(in_time(call(&service)), in_time(call(&service)));
                assert_eq!((word(&one.0).as_str(), word(&two.0).as_str()), ("ok", "ok"));
                assert_eq!(
                    (one.1, two.1),
                    (60, 60),
                    "one draw was for the first, the next for all who had come"
                );
            };
            runtime.scope(calls).await;
        }
    }

    /// The one in front asks when it is time to. Where it does not, the next one does.
    #[tokio::test(start_paused = true)]
    async fn one_in_front_of_the_fleets_line() {
        #[rate_limit(permits = 10, burst = 1, max_wait = "1s", fleet)]
        async fn call(service: &Service) -> Reply {
            service.call().await
        }
        let service = Service::new([Good]);
        for polls in 1..MOST_POLLS {
            let calls = async {
                assert_eq!(word(&call(&service).await), "ok");
                let _first = left_alone(call(&service), polls);
                let (reply, waited) = in_time(call(&service)).await;
                assert_eq!(word(&reply), "ok");
                assert!((200..=300).contains(&waited), "{waited} ms");
            };
            Runtime::builder().memory().build().scope(calls).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe() {
    #[circuit_breaker(consecutive = 1, open_for = "100ms", probes = 1, probe_timeout = "2s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    for polls in 1..MOST_POLLS {
        let service = Service::new([Transient, Hang, Good]);
        assert_eq!(word(&call(&service).await), "transient");
        pass(100).await;
        let _probe = left_alone(call(&service), polls);
        assert_eq!(word(&call(&service).await), "CircuitOpen 0");
        // It has failed after its time, and the breaker is open for once more.
        pass(2_000).await;
        assert_eq!(word(&call(&service).await), "CircuitOpen 0");
        pass(100).await;
        assert_eq!(word(&call(&service).await), "ok");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hedge() {
    #[timeout(ms = 500)]
    #[bulkhead(max = 3, queue = 3)]
    #[hedge(after = "10ms", repeatable)]
    #[bulkhead(max = 6, queue = 8)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    for polls in 1..MOST_POLLS {
        let mut idle = vec![left_alone(call(&service), polls)];
        pass(20).await;
        idle.push(left_alone(call(&service), polls));
        service.now([Hang, after(5, Good)]);
        let (reply, waited) = in_time(call(&service)).await;
        assert_eq!(
            (word(&reply).as_str(), waited),
            ("ok", 15),
            "two hold two of three places, and it is hedged"
        );
        service.now([Hang]);
        idle.push(left_alone(call(&service), polls));
        let (one, two) = tokio::join!(in_time(call(&service)), in_time(call(&service)));
        assert_eq!(
            (word(&one.0), one.1, word(&two.0), two.1),
            ("Timeout 0".into(), 500, "Timeout 0".into(), 500)
        );
    }
}

/// Under a timeout, with every policy that others may have to wait for: whoever is polled ends in time, whatever the
/// others have come to.
#[tokio::test(start_paused = true)]
async fn in_a_whole_stack_everybody_else_ends_in_time() {
    #[timeout(ms = 400)]
    #[rate_limit(permits = 1_000, max_wait = "50ms")]
    #[hedge(after = "4ms", repeatable)]
    #[circuit_breaker(consecutive = 8, open_for = "10ms", probe_timeout = "50ms")]
    #[bulkhead(max = 2, queue = 30)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    for polls in 0..MOST_POLLS {
        service.now([after(3, Good)]);
        let holder = left_alone(call(&service), 1);
        let idle: Vec<_> = (0..4).map(|_| left_alone(call(&service), polls)).collect();
        let (one, two, _) = tokio::join!(in_time(call(&service)), in_time(call(&service)), holder.wakes());
        for (reply, waited) in [one, two] {
            assert!(waited <= 400, "{waited}");
            assert!(reply.is_ok() || support::kind(reply) == Kind::Timeout);
        }
        drop(idle);
        assert_eq!(word(&call(&service).await), "ok");
    }
}

/// What a waker does is its own affair: a future is ready at once, or it is left alone.
#[test]
fn left_alone_is_not_dropped() {
    struct Alive<'a>(&'a AtomicU32);
    impl Drop for Alive<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let dropped = AtomicU32::new(0);
    let alive = Alive(&dropped);
    let future = async move {
        let _alive = alive;
        std::future::pending::<()>().await;
    };
    let left = left_alone(future, 3);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    drop(left);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert!(left_alone(std::future::poll_fn(|_| Poll::Ready(())), 1).0.is_none());
}
