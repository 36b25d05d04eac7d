//! Calls that are dropped, panic or never end: nothing leaks, nothing gets stuck.
#![allow(missing_docs)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use resilience::{Kind, Runtime, circuit_breaker, retry, timeout};
use support::{
    Good, Hang, Panic, Reply, Service, Transient, after, dropped_after, events, kind, pass, poll_times, word,
};

#[tokio::test(start_paused = true)]
async fn dropped_at_every_moment() {
    #[timeout(ms = 60)]
    #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    #[circuit_breaker(consecutive = 3, open_for = "100ms", probes = 1)]
    #[timeout(ms = 20)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    for ms in 0..=60 {
        for warm_up in [0, 3] {
            let case = async {
                let service = Service::new([Transient]);
                if warm_up > 0 {
                    let _ = call(&service).await;
                    pass(200).await;
                }
                service.now([after(5, Transient), Hang, after(7, Good)]);
                let _ = dropped_after(ms, call(&service)).await;
                assert_eq!(service.running(), 0, "dropped after {ms} ms, a body runs on");
                // Whatever happened, after a while a good call goes through, and the next.
                pass(200).await;
                service.now([Good]);
                for _ in 0..5 {
                    assert_eq!(word(&call(&service).await), "ok", "dropped after {ms} ms");
                }
            };
            Runtime::builder().build().scope(case).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_at_every_await_point() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(consecutive = 1_000, probes = 1)]
    async fn call(service: &Service) -> Reply {
        tokio::task::yield_now().await;
        let reply = service.call().await;
        tokio::task::yield_now().await;
        reply
    }
    let service = Service::new([Transient]);
    for polls in 0..10 {
        let before = service.executions();
        let reply = poll_times(call(&service), polls);
        assert_eq!(reply.is_some(), polls >= 7, "{polls}");
        assert_eq!(service.running(), 0);
        assert!(service.executions() - before <= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_is_neither_a_success_nor_a_failure() {
    #[circuit_breaker(consecutive = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.5, window = 10)]
    async fn window(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    for _ in 0..20 {
        assert_eq!(dropped_after(10, call(&service)).await, None);
        assert_eq!(dropped_after(10, window(&service)).await, None);
    }
    service.now([Transient]);
    assert_eq!(word(&call(&service).await), "transient");
    service.now([Hang]);
    assert_eq!(dropped_after(10, call(&service)).await, None);
    service.now([Transient]);
    assert_eq!(word(&call(&service).await), "transient", "the row of two");
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
    for _ in 0..10 {
        assert_eq!(word(&window(&service).await), "transient");
    }
    assert_eq!(word(&window(&service).await), "CircuitOpen 0");
}

#[tokio::test(start_paused = true)]
async fn a_panic_counts_as_a_failure() {
    #[circuit_breaker(consecutive = 2)]
    async fn call(service: Arc<Service>) -> Reply {
        service.call().await
    }
    let service = Arc::new(Service::new([Panic]));
    for _ in 0..2 {
        let task = tokio::spawn(call(Arc::clone(&service)));
        assert!(task.await.expect_err("a panic").is_panic());
    }
    assert_eq!(service.running(), 0);
    assert_eq!(word(&call(service).await), "CircuitOpen 0");
}

#[tokio::test(start_paused = true)]
async fn a_panic_passes_through_the_whole_stack_and_leaves_it_usable() {
    #[timeout(ms = 2_000)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(consecutive = 2, open_for = "1s", probes = 1)]
    #[timeout(ms = 500)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Panic]);
    for executions in 1..=2 {
        let unwound = catch_unwind(AssertUnwindSafe(|| poll_times(call(&service), 1).is_some()));
        assert!(unwound.is_err());
        assert_eq!(service.executions(), executions);
    }
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
    assert_eq!(resilience::context::deadline(), None);
    pass(1_000).await;
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_is_given_again() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    assert_eq!(events::take(), ["transition closed open"]);
    for _ in 0..10 {
        assert_eq!(dropped_after(10, call(&service)).await, None, "let in, and dropped");
    }
    assert_eq!(events::take(), ["transition open half_open"], "a dropped probe neither closes nor opens");
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["transition half_open closed"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_probe_is_not_given_again_for_ever() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    for _ in 0..=10 {
        assert_eq!(dropped_after(10, call(&service)).await, None, "let in, and dropped");
    }
    assert_eq!(word(&call(&service).await), "CircuitOpen 0", "ten were given again");
    let told = ["closed open", "open half_open", "half_open open"].map(|to| format!("transition {to}"));
    assert_eq!(events::take()[..3], told);
    service.now([Good]);
    pass(1_000).await;
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_probe_cut_by_a_timeout_above_is_given_again() {
    #[timeout(ms = 100)]
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    for _ in 0..5 {
        assert_eq!(word(&call(&service).await), "Timeout 1");
    }
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_probe_cut_by_a_timeout_below_has_failed() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 2)]
    #[timeout(ms = 100)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    assert_eq!(word(&call(&service).await), "Timeout 1");
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_panics_has_failed() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Panic, Good]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    let unwound = catch_unwind(AssertUnwindSafe(|| poll_times(call(&service), 1).is_some()));
    assert!(unwound.is_err());
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
    pass(1_000).await;
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_ends_reopens_at_its_deadline() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1, probe_timeout = "3s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    let hanging = call(&service);
    tokio::pin!(hanging);
    assert_eq!(dropped_after(0, hanging.as_mut()).await, None);
    events::take();
    pass(2_998).await;
    assert_eq!(kind(call(&service).await), Kind::CircuitOpen, "half-open, and the probe runs");
    assert_eq!(events::take(), ["rejected CircuitOpen"]);
    pass(2).await;
    let error = call(&service).await.expect_err("open again").rejection();
    assert!(error.retry_after().is_some_and(|wait| wait.as_millis() <= 1_000), "{error:?}");
    assert_eq!(events::take(), ["transition half_open open", "rejected CircuitOpen"]);
    pass(1_000).await;
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["transition open half_open", "transition half_open closed"]);
}

#[tokio::test(start_paused = true)]
async fn a_probe_nobody_asked_about_for_long_does_not_lock_the_next_out() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1, probe_timeout = "3s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    let hanging = call(&service);
    tokio::pin!(hanging);
    assert_eq!(dropped_after(0, hanging.as_mut()).await, None);
    events::take();
    // It failed after 3 s, and the second of being open is over as well.
    pass(60_000).await;
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(
        events::take(),
        ["transition half_open open", "transition open half_open", "transition half_open closed"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_hanging_probe_has_ten_seconds_unless_said_otherwise() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Hang]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    let hanging = call(&service);
    tokio::pin!(hanging);
    assert_eq!(dropped_after(0, hanging.as_mut()).await, None);
    service.now([Good]);
    pass(9_990).await;
    assert_eq!(kind(call(&service).await), Kind::CircuitOpen);
    pass(1_010).await;
    assert_eq!(word(&call(&service).await), "ok");
}

#[tokio::test(start_paused = true)]
async fn late_successes_of_an_earlier_state_do_not_close() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([after(1_500, Good), after(1_500, Good), after(1_500, Good), Transient]);
    let rest = async {
        tokio::task::yield_now().await;
        assert_eq!(word(&call(&service).await), "transient");
        pass(1_000).await;
        service.now([Hang]);
        // Half-open, with one probe running; the three old calls succeed meanwhile.
        assert_eq!(dropped_after(900, call(&service)).await, None);
    };
    let (a, b, c, ()) = tokio::join!(call(&service), call(&service), call(&service), rest);
    assert!([a, b, c].iter().all(Result::is_ok));
    assert_eq!(events::take(), ["transition closed open", "transition open half_open"]);
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), [""; 0], "one of two");
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["transition half_open closed"]);
}

#[tokio::test(start_paused = true)]
async fn late_failures_of_an_earlier_state_do_not_open() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let late = after(1_500, Transient);
    let service = Service::new([late.clone(), late, Transient, Good]);
    let rest = async {
        tokio::task::yield_now().await;
        assert_eq!(word(&call(&service).await), "transient");
        pass(1_000).await;
        assert_eq!(word(&call(&service).await), "ok", "the probe closes it");
        pass(1_000).await;
        assert_eq!(word(&call(&service).await), "ok", "and it stays closed");
    };
    let (a, b, ()) = tokio::join!(call(&service), call(&service), rest);
    assert!(a.is_err() && b.is_err());
}

#[tokio::test(start_paused = true)]
async fn late_neutral_results_give_nothing_back() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let late = after(1_500, support::Permanent);
    let service = Service::new([late.clone(), late.clone(), late, Transient]);
    let rest = async {
        tokio::task::yield_now().await;
        assert_eq!(word(&call(&service).await), "transient");
        pass(1_000).await;
        service.now([after(2_000, Good)]);
        let second = async {
            pass(1_000).await;
            for _ in 0..4 {
                assert_eq!(word(&call(&service).await), "CircuitOpen 0", "the one probe still runs");
            }
        };
        let (probe, ()) = tokio::join!(call(&service), second);
        assert_eq!(word(&probe), "ok");
    };
    let (a, b, c, ()) = tokio::join!(call(&service), call(&service), call(&service), rest);
    assert!([a, b, c].iter().all(Result::is_err));
}

#[tokio::test(start_paused = true)]
async fn a_late_probe_is_void() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1, probe_timeout = "2s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, after(5_000, Transient), Good]);
    assert_eq!(word(&call(&service).await), "transient");
    pass(1_000).await;
    let rest = async {
        // The first probe has had its two seconds, and the breaker its one: this is the next probe.
        pass(3_000).await;
        assert_eq!(word(&call(&service).await), "ok");
        events::take();
        pass(3_000).await;
    };
    let (late, ()) = tokio::join!(call(&service), rest);
    assert_eq!(word(&late), "transient");
    assert_eq!(events::take(), [""; 0]);
    assert_eq!(word(&call(&service).await), "ok", "the breaker that the second probe closed stays closed");
}

#[tokio::test(start_paused = true)]
async fn dropping_a_future_that_was_never_polled_is_nothing() {
    #[retry(attempts = 3, repeatable)]
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([support::Permanent]);
    for _ in 0..10 {
        drop(call(&service));
    }
    assert_eq!((service.executions(), events::take()), (0, Vec::new()));
    assert_eq!(word(&call(&service).await), "permanent");
    assert_eq!(events::take(), ["retry_stopped Permanent 1 the same call would fail again"]);
}

#[tokio::test(start_paused = true)]
async fn aborted_tasks_give_their_probes_back() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 3)]
    async fn call(service: Arc<Service>) -> Reply {
        service.call().await
    }
    let service = Arc::new(Service::new([Transient, Hang]));
    assert_eq!(word(&call(Arc::clone(&service)).await), "transient");
    pass(1_000).await;
    for _ in 0..5 {
        let tasks: Vec<_> = (0..3).map(|_| tokio::spawn(call(Arc::clone(&service)))).collect();
        pass(10).await;
        assert_eq!(service.running(), 3, "all three probes");
        assert_eq!(kind(call(Arc::clone(&service)).await), Kind::CircuitOpen);
        for task in tasks {
            task.abort();
            assert!(task.await.expect_err("aborted").is_cancelled());
        }
        assert_eq!(service.running(), 0);
    }
}
