//! What `#[timeout]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use resilience::{Kind, Pool, Timeout, bulkhead, circuit_breaker, retry, timeout};
use support::{
    Fault, Good, Hang, Permanent, Reply, Service, Transient, after, dropped_after, events, kind, pass,
    poll_times, rejected, timed, word,
};

#[tokio::test(start_paused = true)]
async fn cuts_at_its_time_and_says_so() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(call(&service)).await;
    assert_eq!(ms, 500);
    let error = rejected(reply);
    assert_eq!(error.kind(), Kind::Timeout);
    assert!(error.site().ends_with("::call"), "{}", error.site());
    assert_eq!((error.attempts(), error.may_have_run(), error.retry_after()), (1, true, None));
    assert_eq!(service.running(), 0, "the body is dropped before the caller sees the rejection");
}

#[tokio::test(start_paused = true)]
async fn leaves_alone_what_is_in_time() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, after(499, Good), after(499, Transient), Permanent]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 0));
    assert_eq!(timed(call(&service)).await, (Ok(2), 499));
    assert_eq!(timed(call(&service)).await, (Err(Fault::Transient(3)), 499));
    assert_eq!(timed(call(&service)).await, (Err(Fault::Permanent(4)), 0));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_comes_with_the_timer_is_returned_and_counted_as_late() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([after(500, Good)]);
    assert_eq!(timed(call(&service)).await, (Ok(1), 500));
    assert_eq!(events::take(), ["late"]);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_never_yielded_is_returned_however_late() {
    #[timeout(ms = 500)]
    async fn call() -> Reply {
        // The clock goes on, and nobody else gets a turn.
        let mut step = std::pin::pin!(tokio::time::advance(Duration::from_secs(9)));
        let polled = poll_times(step.as_mut(), 9);
        assert!(polled.is_some());
        Ok(1)
    }
    assert_eq!(call().await, Ok(1));
}

#[tokio::test(start_paused = true)]
async fn counts_from_the_first_poll() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(400, Good), Hang]);
    let early = call(&service);
    pass(2_000).await;
    assert_eq!(service.executions(), 0, "nothing happens before the first poll");
    assert_eq!(timed(early).await, (Ok(1), 400));
    let early = call(&service);
    pass(2_000).await;
    assert_eq!(timed(early).await.1, 500);
}

#[tokio::test(start_paused = true)]
async fn every_way_to_write_a_time() {
    const BUDGET: Duration = Duration::from_millis(70);
    const SECONDS: u64 = 3;
    #[timeout(secs = 2)]
    async fn secs(service: &Service) -> Reply {
        service.call().await
    }
    #[timeout(secs = SECONDS)]
    async fn const_secs(service: &Service) -> Reply {
        service.call().await
    }
    #[timeout(after = "1.5s")]
    async fn text(service: &Service) -> Reply {
        service.call().await
    }
    #[timeout(after = BUDGET)]
    async fn const_after(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(timed(secs(&service)).await.1, 2_000);
    assert_eq!(timed(const_secs(&service)).await.1, 3_000);
    assert_eq!(timed(text(&service)).await.1, 1_500);
    assert_eq!(timed(const_after(&service)).await.1, 70);
}

#[tokio::test(start_paused = true)]
async fn the_nearer_of_two_fires_and_names_its_site() {
    #[timeout(ms = 300)]
    async fn outer(service: &Service) -> Reply {
        let reply = inner(service).await;
        pass(250).await;
        reply
    }
    #[timeout(ms = 100)]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    #[timeout(ms = 100)]
    async fn short(service: &Service) -> Reply {
        long(service).await
    }
    #[timeout(ms = 300)]
    async fn long(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let (reply, ms) = timed(outer(&service)).await;
    assert_eq!(ms, 300);
    assert!(rejected(reply).site().ends_with("::outer"));
    let (reply, ms) = timed(inner(&service)).await;
    assert_eq!(ms, 100);
    assert!(rejected(reply).site().ends_with("::inner"));
    let (reply, ms) = timed(short(&service)).await;
    assert_eq!(ms, 100);
    let error = rejected(reply);
    assert!(error.site().ends_with("::short"), "{error}");
    assert_eq!(error.kind(), Kind::Timeout);
    assert_eq!(service.running(), 0);
}

#[tokio::test(start_paused = true)]
async fn every_call_has_its_own_time() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let late = async {
        pass(300).await;
        timed(call(&service)).await
    };
    let ((_, first), (_, second)) = tokio::join!(timed(call(&service)), late);
    assert_eq!((first, second), (500, 500));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_never_idle_is_cut_too() {
    #[timeout(ms = 500)]
    async fn call(busy: &AtomicBool) -> Reply {
        loop {
            busy.store(true, Ordering::SeqCst);
            // Uses up the budget of the task at every poll.
            tokio::task::consume_budget().await;
        }
    }
    let busy = AtomicBool::new(false);
    let clock = async {
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(501)).await;
    };
    let (reply, ()) = tokio::join!(call(&busy), clock);
    assert_eq!(kind(reply), Kind::Timeout);
    assert!(busy.load(Ordering::SeqCst));
}

#[tokio::test(start_paused = true)]
async fn a_rejection_is_told_once() {
    #[timeout(ms = 500)]
    async fn told(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Hang, Good]);
    assert_eq!(word(&told(&service).await), "Timeout 1");
    assert_eq!(events::take(), ["rejected Timeout"]);
    assert_eq!(word(&told(&service).await), "ok");
    assert_eq!(events::take(), [""; 0]);
    service.now([Hang]);
    assert_eq!(word(&told(&service).await), "Timeout 1");
    let sites = events::sites();
    assert!(sites.len() == 1 && sites[0].ends_with("::told"), "{sites:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_drops_its_body_and_tells_nothing() {
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Hang]);
    assert_eq!(dropped_after(200, call(&service)).await, None);
    assert_eq!(service.running(), 0);
    pass(1_000).await;
    assert_eq!(events::take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn works_on_a_task_of_its_own() {
    #[timeout(ms = 500)]
    async fn call(service: Arc<Service>) -> Reply {
        service.call().await
    }
    let service = Arc::new(Service::new([Hang]));
    let task = tokio::spawn(call(Arc::clone(&service)));
    assert_eq!(kind(task.await.expect("no panic")), Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn an_io_error_carries_the_rejection() {
    #[timeout(ms = 500)]
    async fn call() -> std::io::Result<()> {
        std::future::pending().await
    }
    let error = call().await.expect_err("cut");
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    let rejection = error.get_ref().and_then(|inner| inner.downcast_ref::<resilience::Error>());
    assert_eq!(rejection.map(resilience::Error::kind), Some(Kind::Timeout));
}

#[tokio::test(start_paused = true)]
async fn the_rejection_itself_can_be_the_error() {
    #[timeout(ms = 500)]
    async fn call(value: Option<u32>) -> Result<u32, resilience::Error> {
        match value {
            Some(value) => Ok(value),
            None => std::future::pending().await,
        }
    }
    assert_eq!(call(Some(3)).await, Ok(3));
    assert_eq!(call(None).await.map_err(|error| error.kind()), Err(Kind::Timeout));
}

/// What each call gives its attempts.
#[timeout(after = limit.min(Duration::from_millis(300)), dynamic)]
async fn limited(service: &Service, limit: Duration) -> Reply {
    service.call().await
}

#[tokio::test(start_paused = true)]
async fn a_time_that_each_call_computes() {
    let hang = Service::new([Hang]);
    for (limit, cut) in [(200, 200), (100, 100), (1_000, 300)] {
        let (reply, ms) = timed(limited(&hang, Duration::from_millis(limit))).await;
        assert_eq!((word(&reply).as_str(), ms), ("Timeout 1", cut));
    }
    assert_eq!(limited(&Service::new([after(99, Good)]), Duration::from_millis(100)).await, Ok(1));
    let whole = || limited(&hang, Duration::MAX);
    assert_eq!(timed(whole()).await.1, 300);
}

#[tokio::test(start_paused = true)]
async fn no_time_at_all_does_not_run() {
    let service = Service::new([Good]);
    let error = rejected(limited(&service, Duration::ZERO).await);
    assert_eq!((error.kind(), error.attempts(), error.may_have_run()), (Kind::Timeout, 0, false));
    assert_eq!(service.executions(), 0);
}

/// It is evaluated once, and counts from each start.
#[tokio::test(start_paused = true)]
async fn a_computed_time_is_one_for_all_attempts() {
    static ASKED: AtomicU32 = AtomicU32::new(0);
    fn limit() -> Duration {
        Duration::from_millis(100 * u64::from(ASKED.fetch_add(1, Ordering::SeqCst) + 1))
    }
    #[timeout(ms = 5_000)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[timeout(after = limit(), dynamic)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(timed(call(&service)).await.1, 300);
    assert_eq!(timed(call(&service)).await.1, 600);
    assert_eq!(ASKED.load(Ordering::SeqCst), 2);
}

/// A breaker above sees what it would see of a written time.
#[tokio::test(start_paused = true)]
async fn a_breaker_counts_a_computed_timeout() {
    #[circuit_breaker(consecutive = 1, open_for = "1h")]
    #[timeout(after = limit, dynamic)]
    async fn call(service: &Service, limit: Duration) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    let limit = Duration::from_millis(10);
    assert_eq!(word(&call(&service, limit).await), "Timeout 1");
    assert_eq!(word(&call(&service, limit).await), "CircuitOpen 0");
}

/// It is the call's own fault, which the others do not pay for.
#[tokio::test(start_paused = true)]
async fn no_time_at_all_is_neither_counted_nor_repeated() {
    #[circuit_breaker(consecutive = 1, open_for = "1h")]
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[timeout(after = limit, dynamic)]
    async fn call(service: &Service, limit: Duration) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    for _ in 0..3 {
        assert_eq!(word(&call(&service, Duration::ZERO).await), "Timeout 0");
    }
    assert_eq!(call(&service, Duration::from_secs(1)).await, Ok(1));
}

/// Beside what cannot cross to a pool, the time can: it is a copy.
#[tokio::test]
async fn a_computed_time_goes_to_a_pool() {
    static WORKERS: Pool = Pool::new("computed").threads(1);
    #[bulkhead(pool = WORKERS)]
    #[timeout(after = limit, dynamic)]
    async fn call(limit: Duration) -> Reply {
        std::future::pending().await
    }
    assert_eq!(word(&call(Duration::from_millis(5)).await), "Timeout 1");
}

#[tokio::test(start_paused = true)]
async fn an_engine_runs_for_a_time_of_the_call() {
    static SCAN: Timeout = Timeout::new("scan", Duration::from_secs(1));
    let service = Service::new([Hang]);
    let run = |ms| SCAN.run_for(Duration::from_millis(ms), || service.call());
    assert_eq!(timed(run(50)).await.1, 50);
    assert_eq!(timed(run(2_000)).await.1, 2_000);
    assert_eq!(word(&run(0).await), "Timeout 0");
}
