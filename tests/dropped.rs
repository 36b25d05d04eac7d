//! Whole stacks, dropped at every moment or stopped by a panic: afterwards nobody holds anything, and they go on.
#![allow(missing_docs)]

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use resilience::{
    Gauges, bulkhead, circuit_breaker, exclusive, fallback, hedge, manifest, rate_limit, retry, timeout,
};
use support::{
    Good, Hang, Panic, Permanent, Reply, Service, Throttled, Transient, after, dropped_after, pass, word,
};

#[track_caller]
fn assert_nothing_is_held(when: &str) {
    for site in manifest() {
        assert_eq!(site.gauges(), Gauges::default(), "{} {when}", site.name());
    }
}

/// Whether the call panics.
async fn has_panicked<F: Future>(call: F) -> bool {
    let mut call = pin!(call);
    let polled = std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))) {
        Ok(polled) => polled.map(|_| false),
        Err(_) => Poll::Ready(true),
    });
    polled.await
}

macro_rules! stacks {
    ($($name:ident { $(#[$($policy:tt)*])* })*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $(#[$($policy)*])*
            async fn call(service: &Service) -> Reply {
                service.call().await
            }
            for script in [
                vec![Hang],
                vec![Good],
                vec![Transient],
                vec![after(3, Transient), after(5, Good)],
                vec![after(7, Permanent)],
                vec![after(2, Throttled(5)), Hang],
            ] {
                for ms in 0..40 {
                    let service = Service::new(script.clone());
                    tokio::join!(
                        dropped_after(ms, call(&service)),
                        dropped_after(ms / 2, call(&service)),
                        dropped_after(ms * 2, call(&service)),
                        async {
                            pass(1).await;
                            dropped_after(ms, call(&service)).await
                        },
                    );
                    assert_eq!(service.running(), 0);
                    assert_nothing_is_held(&format!("after {ms} ms of {script:?}"));
                    pass(2_000).await;
                }
                pass(100_000).await; // no breaker is open any more
                assert!(has_panicked(call(&Service::new([after(2, Panic)]))).await);
                assert_nothing_is_held("after a panic");
                pass(100_000).await;
                for _ in 0..3 {
                    assert_eq!(word(&call(&Service::new([Good])).await), "ok");
                    pass(1_000).await;
                }
            }
        }
    )*};
}

stacks! {
    from_the_call_to_the_attempt {
        #[timeout(ms = 30)]
        #[retry(attempts = 3, backoff = fixed("2ms"), repeatable)]
        #[hedge(after = "4ms", max = 2, repeatable)]
        #[circuit_breaker(consecutive = 4, open_for = "10ms")]
        #[bulkhead(max = 2, queue = 1, max_wait = "5ms")]
        #[rate_limit(permits = 100, burst = 5, max_wait = "20ms")]
    }

    the_other_way_round {
        #[rate_limit(permits = 100, burst = 5, max_wait = "20ms")]
        #[bulkhead(max = 2, queue = 3)]
        #[circuit_breaker(consecutive = 4, open_for = "10ms")]
        #[hedge(after = "4ms", max = 2, repeatable)]
        #[retry(attempts = 3, backoff = fixed("2ms"), repeatable)]
        #[timeout(ms = 30)]
    }

    by_key_below_an_asynchronous_fallback {
        #[fallback(async |_| { tokio::task::yield_now().await; Ok(5) })]
        #[bulkhead(max = 1, queue = 3, key = 7)]
        #[hedge(after = p95, initial = "3ms", repeatable)]
        #[rate_limit(permits = 100, burst = 50, key = 7, max_keys = 3)]
        #[circuit_breaker(key = 7, consecutive = 4, probes = 1)]
        #[timeout(ms = 10)]
    }

    // A right that was not given back would keep the others out to the end.
    one_at_a_time {
        #[timeout(ms = 30)]
        #[exclusive(lease = "24h", otherwise = wait)]
        #[retry(attempts = 3, backoff = fixed("2ms"), repeatable)]
        #[bulkhead(max = 2, queue = 1, max_wait = "5ms")]
        #[timeout(ms = 10)]
    }

    a_hedge_in_a_hedge {
        #[hedge(after = "2ms", max = 10, repeatable)]
        #[bulkhead(max = 4, queue = 8)]
        #[timeout(ms = 15)]
        #[fallback(|_| Ok(1), when = |fault| matches!(fault, support::Fault::Transient(_)))]
        #[hedge(after = "1ms", repeatable)]
        #[bulkhead(max = 3, queue = 3, max_wait = "3ms")]
    }

    two_of_a_kind {
        #[bulkhead(max = 2, queue = 2)]
        #[bulkhead(max = 1, queue = 1)]
        #[rate_limit(permits = 500)]
        #[rate_limit(permits = 300, max_wait = "1s")]
        #[timeout(ms = 9)]
    }
}
