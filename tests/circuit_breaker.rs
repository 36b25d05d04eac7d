//! What `#[circuit_breaker]` does, in paused time.
#![allow(missing_docs)]

mod support;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use resilience::{CircuitBreaker, Error, Failure, Kind, Runtime, State, circuit_breaker, timeout};
use support::{
    Fault, Good, Hang, Permanent, Reply, Service, Step, Throttled, Transient, after, events, kind, pass,
    rejected, word,
};

/// So many calls of `call`, in words.
macro_rules! words {
    ($times:expr, $call:expr) => {{
        let mut words = Vec::new();
        for _ in 0..$times {
            words.push(word(&$call.await));
        }
        words
    }};
}

#[tokio::test(start_paused = true)]
async fn opens_at_the_rate_and_rejects_without_running_the_body() {
    #[circuit_breaker(failure_rate = 0.5, window = 10, open_for = "5s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let mut script = vec![Good; 5];
    script.extend(vec![Transient; 5]);
    let service = Service::new(script);
    words!(9, call(&service));
    assert_eq!(word(&call(&service).await), "transient", "the tenth call is still let in, and opens it");
    let error = rejected(call(&service).await);
    assert_eq!(error.kind(), Kind::CircuitOpen);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
    assert_eq!((error.attempts(), error.may_have_run()), (0, false));
    assert!(error.site().ends_with("::call"));
    pass(2_000).await;
    assert_eq!(rejected(call(&service).await).retry_after(), Some(Duration::from_secs(3)));
    assert_eq!(service.executions(), 10);
}

#[tokio::test(start_paused = true)]
async fn stays_closed_below_the_rate() {
    #[circuit_breaker(failure_rate = 0.5, window = 10)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let mut script = vec![Transient; 4];
    script.extend(vec![Good; 6]);
    let service = Service::new(script);
    words!(10, call(&service));
    // Four of the last ten, and then fewer.
    assert_eq!(words!(40, call(&service)), ["ok"; 40]);
}

#[tokio::test(start_paused = true)]
async fn a_success_that_completes_a_failing_window_opens_it() {
    #[circuit_breaker(failure_rate = 0.5, window = 10)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let mut script = vec![Transient; 9];
    script.push(Good);
    let service = Service::new(script);
    words!(9, call(&service));
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
}

#[tokio::test(start_paused = true)]
async fn the_rate_is_exact_for_every_share() {
    // Seven of a hundred are 7 %, though 0.07 * 100 is more than 7 in binary.
    #[circuit_breaker(failure_rate = 0.07, window = 100, min_calls = 100)]
    async fn seven(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = "7%", window = 100, min_calls = 100)]
    async fn percent(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 1.0, window = 3)]
    async fn all(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.0001, window = 10)]
    async fn any(service: &Service) -> Reply {
        service.call().await
    }
    let script = |failures| {
        let mut script = vec![Transient; failures];
        script.extend(vec![Good; 100 - failures]);
        script
    };
    for (failures, after) in [(6, "ok"), (7, "CircuitOpen 0")] {
        Runtime::builder()
            .build()
            .scope(async {
                let service = Service::new(script(failures));
                words!(100, seven(&service));
                assert_eq!(word(&seven(&service).await), after);
                let service = Service::new(script(failures));
                words!(100, percent(&service));
                assert_eq!(word(&percent(&service).await), after);
            })
            .await;
    }
    let service = Service::new([Transient, Transient, Good, Transient, Transient, Transient]);
    assert_eq!(words!(6, all(&service))[5], "transient");
    assert_eq!(word(&all(&service).await), "CircuitOpen 0");
    let service = Service::new([Good]);
    assert_eq!(words!(20, any(&service)), ["ok"; 20], "no failure never opens it");
    service.now([Transient]);
    assert_eq!(words!(2, any(&service)), ["transient", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_one_decides_after_one() {
    #[circuit_breaker(window = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, Transient]);
    assert_eq!(words!(3, call(&service)), ["ok", "transient", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn no_decision_before_min_calls() {
    #[circuit_breaker(failure_rate = 0.5, window = 20)]
    async fn usual(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.5, window = 20, min_calls = 4)]
    async fn four(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.5, window = 4)]
    async fn small(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker]
    async fn default(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let let_in = |words: Vec<String>| words.iter().filter(|word| *word == "transient").count();
    assert_eq!(let_in(words!(30, usual(&service))), 10);
    assert_eq!(let_in(words!(30, four(&service))), 4);
    assert_eq!(let_in(words!(30, small(&service))), 4, "the window, if that is smaller");
    assert_eq!(let_in(words!(30, default(&service))), 10);
}

#[tokio::test(start_paused = true)]
async fn a_count_window_slides() {
    #[circuit_breaker(failure_rate = 0.5, window = 100, open_for = "60s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good]);
    assert_eq!(words!(10_000, call(&service)), vec!["ok"; 10_000]);
    service.now([Transient]);
    let let_in = words!(100, call(&service)).iter().filter(|word| *word == "transient").count();
    assert_eq!(let_in, 50);
}

#[tokio::test(start_paused = true)]
async fn a_time_window_forgets() {
    #[circuit_breaker(failure_rate = 0.5, window = "10s", min_calls = 10)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(words!(9, call(&service)), ["transient"; 9]);
    pass(10_000).await;
    assert_eq!(words!(9, call(&service)), ["transient"; 9], "the first nine are forgotten");
    pass(9_000).await;
    assert_eq!(words!(2, call(&service)), ["transient", "CircuitOpen 0"], "the second nine are not");
}

#[tokio::test(start_paused = true)]
async fn a_time_window_left_idle_is_empty() {
    #[circuit_breaker(failure_rate = 0.5, window = "10s", min_calls = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    for idle in [10_000, 25_000, 160_000, 86_400_000] {
        assert_eq!(word(&call(&service).await), "transient");
        pass(idle).await;
    }
    assert_eq!(words!(3, call(&service)), ["transient", "transient", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn a_time_window_moves_on_little_by_little() {
    #[circuit_breaker(failure_rate = 0.5, window = "16s", min_calls = 10)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    // A failure and two successes in each second: a third, always.
    let service = Service::new([Good]);
    for _ in 0..100 {
        service.now([Good, Good, Transient]);
        words!(3, call(&service));
        pass(1_000).await;
    }
    // With only failures from here on it takes until half of the last 16 seconds' calls have failed.
    service.now([Transient]);
    let mut failures = 0;
    while word(&call(&service).await) == "transient" {
        failures += 1;
        pass(334).await;
    }
    assert!((8..=24).contains(&failures), "{failures}");
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_open_it_on_their_own() {
    #[circuit_breaker(consecutive = 3, window = 1_000, min_calls = 1_000)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Transient, Good, Transient, Transient, Permanent, Transient]);
    let expected =
        ["transient", "transient", "ok", "transient", "transient", "permanent", "transient", "CircuitOpen 0"];
    assert_eq!(words!(8, call(&service)), expected, "a success ends the row, what does not count leaves it");
}

#[tokio::test(start_paused = true)]
async fn permanent_and_throttled_are_neutral() {
    #[circuit_breaker(failure_rate = 0.5, window = 10, consecutive = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Permanent]);
    assert_eq!(words!(100, call(&service)), ["permanent"; 100]);
    service.now([Throttled(1_000)]);
    assert_eq!(words!(100, call(&service)), ["throttled"; 100]);
    service.now([Transient, Permanent, Throttled(5), Transient]);
    assert_eq!(words!(5, call(&service))[4], "CircuitOpen 0", "the row went on");
}

#[tokio::test(start_paused = true)]
async fn neutral_outcomes_do_not_fill_the_window() {
    #[circuit_breaker(failure_rate = 0.5, window = 10)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Permanent]);
    words!(50, call(&service));
    service.now([Transient]);
    assert_eq!(words!(11, call(&service))[8..], ["transient", "transient", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn when_and_when_ok_decide_what_counts() {
    #[circuit_breaker(consecutive = 2, when = |error| matches!(error, Fault::Permanent(_)), when_ok = |n: &u32| *n >= 7)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(words!(3, call(&service)), ["transient"; 3]);
    service.now([Permanent, Good]);
    assert_eq!(words!(3, call(&service)), ["permanent", "ok", "ok"]);
    // From the seventh execution on a value is a failure, and is returned.
    assert_eq!(words!(3, call(&service)), ["ok", "ok", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn timeouts_below_are_recorded_and_other_rejections_are_not() {
    #[circuit_breaker(consecutive = 3)]
    #[timeout(ms = 100)]
    async fn cut(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(consecutive = 3)]
    async fn outer(service: &Service) -> Reply {
        inner(service).await
    }
    #[circuit_breaker(consecutive = 2, open_for = "60s")]
    async fn inner(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(consecutive = 3)]
    async fn nested(service: &Service) -> Reply {
        short(service).await
    }
    #[timeout(ms = 100)]
    async fn short(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(words!(4, cut(&service)), ["Timeout 1", "Timeout 1", "Timeout 1", "CircuitOpen 0"]);
    assert_eq!(words!(3, nested(&service)), ["Timeout 1"; 3]);
    assert_eq!(kind(nested(&service).await), Kind::CircuitOpen);
    service.now([Transient]);
    words!(2, outer(&service));
    for _ in 0..20 {
        assert!(rejected(outer(&service).await).site().ends_with("::inner"));
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_above_is_nobodys_failure() {
    #[timeout(ms = 100)]
    #[circuit_breaker(consecutive = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    // The call is dropped: a third outcome.
    let service = Service::new([Hang]);
    assert_eq!(words!(5, call(&service)), ["Timeout 1"; 5]);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_open_it_though_they_succeed() {
    #[circuit_breaker(window = 10, min_calls = 4, slow_call = "100ms", slow_rate = 0.5)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(window = 10, min_calls = 4, slow_call = "100ms")]
    async fn all(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([after(99, Good)]);
    assert_eq!(words!(20, call(&service)), ["ok"; 20]);
    // Five of the last ten.
    service.now([after(100, Good)]);
    assert_eq!(words!(6, call(&service)), ["ok", "ok", "ok", "ok", "ok", "CircuitOpen 0"]);
    service.now([Good, after(100, Good)]);
    assert_eq!(words!(10, all(&service)), ["ok"; 10], "the usual share is all of them");
    assert_eq!(words!(2, all(&service)), ["ok", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn slow_calls_count_in_a_time_window_too() {
    #[circuit_breaker(window = "60s", min_calls = 4, slow_call = "100ms", slow_rate = 0.5)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Good, Good, after(500, Good)]);
    assert_eq!(words!(5, call(&service)), ["ok", "ok", "ok", "ok", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn half_open_after_open_for_and_closed_after_all_probes() {
    #[circuit_breaker(consecutive = 2, open_for = "5s", probes = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Transient, Good]);
    words!(2, call(&service));
    assert_eq!(events::take(), ["transition closed open"]);
    pass(4_999).await;
    assert_eq!(words!(3, call(&service)), ["CircuitOpen 0"; 3]);
    assert_eq!(events::take(), ["rejected CircuitOpen"; 3]);
    pass(1).await;
    assert_eq!(words!(2, call(&service)), ["ok"; 2]);
    assert_eq!(events::take(), ["transition open half_open"]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["transition half_open closed"]);
    // Closing forgets: one failure does not open it again.
    service.now([Transient, Good]);
    assert_eq!(words!(2, call(&service)), ["transient", "ok"]);
    assert_eq!(events::take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn closing_forgets_the_window() {
    #[circuit_breaker(failure_rate = 0.5, window = 10, open_for = "1s", probes = 1)]
    async fn calls(service: &Service) -> Reply {
        service.call().await
    }
    #[circuit_breaker(failure_rate = 0.5, window = "60s", min_calls = 10, open_for = "1s", probes = 1)]
    async fn time(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    words!(10, calls(&service));
    words!(10, time(&service));
    pass(1_000).await;
    service.now([Good]);
    assert_eq!(word(&calls(&service).await), "ok");
    assert_eq!(word(&time(&service).await), "ok");
    service.now([Transient]);
    assert_eq!(words!(11, calls(&service))[8..], ["transient", "transient", "CircuitOpen 0"]);
    assert_eq!(words!(11, time(&service))[8..], ["transient", "transient", "CircuitOpen 0"]);
}

#[tokio::test(start_paused = true)]
async fn one_failed_probe_reopens() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Good, Transient, Good]);
    events::record();
    words!(1, call(&service));
    pass(1_000).await;
    assert_eq!(words!(3, call(&service)), ["ok", "transient", "CircuitOpen 0"]);
    let told = events::take();
    assert_eq!(
        told,
        [
            "transition closed open",
            "transition open half_open",
            "transition half_open open",
            "rejected CircuitOpen"
        ]
    );
    pass(1_000).await;
    assert_eq!(words!(4, call(&service)), ["ok"; 4]);
}

#[tokio::test(start_paused = true)]
async fn exactly_probes_in_flight() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, after(100, Good)]);
    words!(1, call(&service));
    pass(1_000).await;
    let replies = tokio::join!(call(&service), call(&service), call(&service), call(&service));
    let words = [&replies.0, &replies.1, &replies.2, &replies.3].map(word);
    assert_eq!(words, ["ok", "ok", "CircuitOpen 0", "CircuitOpen 0"]);
    assert_eq!(rejected(replies.3).retry_after(), None, "nobody knows how long a probe takes");
    assert_eq!(word(&call(&service).await), "ok", "closed");
}

#[tokio::test(start_paused = true)]
async fn succeeded_probes_keep_their_place() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, after(100, Good), Good]);
    words!(1, call(&service));
    pass(1_000).await;
    let rest = async {
        // One has succeeded, one runs: no third.
        assert_eq!(words!(3, call(&service)), ["ok", "CircuitOpen 0", "CircuitOpen 0"]);
    };
    let (first, ()) = tokio::join!(call(&service), rest);
    assert_eq!(word(&first), "ok");
    assert_eq!(words!(5, call(&service)), ["ok"; 5]);
}

#[tokio::test(start_paused = true)]
async fn neutral_probes_are_given_again() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Throttled(5), Throttled(5), Good, Transient]);
    words!(1, call(&service));
    pass(1_000).await;
    assert_eq!(words!(2, call(&service)), ["throttled"; 2]);
    assert_eq!(events::take(), ["transition closed open", "transition open half_open"]);
    assert_eq!(word(&call(&service).await), "ok");
    assert_eq!(events::take(), ["transition half_open closed"]);
}

/// A callee that answers that the call is wrong is back.
#[tokio::test(start_paused = true)]
async fn a_permanent_answer_is_a_sign_of_life() {
    #[circuit_breaker(consecutive = 2, open_for = "1s", probes = 2, slow_call = "100ms")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Transient, Permanent, Permanent, Transient, Permanent, Transient]);
    words!(2, call(&service));
    pass(1_000).await;
    assert_eq!(words!(2, call(&service)), ["permanent"; 2]);
    let closed = ["transition closed open", "transition open half_open", "transition half_open closed"];
    assert_eq!(events::take(), closed);
    // Closed, it says nothing: neither does it end a row of failures.
    assert_eq!(words!(4, call(&service)), ["transient", "permanent", "transient", "CircuitOpen 0"]);
    pass(1_000).await;
    service.now([after(100, Permanent)]);
    assert_eq!(words!(2, call(&service)), ["permanent", "CircuitOpen 0"], "too slow is no sign of life");
}

/// A failure that is the same each time, and that nobody was asked for.
#[tokio::test(start_paused = true)]
async fn an_error_that_has_not_run_is_no_sign_of_life() {
    #[derive(Debug, Failure)]
    enum Fault {
        #[failure(transient)]
        Down,
        #[failure(permanent, not_run)]
        Invalid,
        #[failure(policy)]
        Policy(#[allow(dead_code, reason = "is only held")] Error),
    }
    static BREAKER: CircuitBreaker =
        CircuitBreaker::new("signs").consecutive(1).open_for(Duration::from_secs(1)).probes(1);
    #[circuit_breaker(share = BREAKER)]
    async fn call(is_valid: bool) -> Result<(), Fault> {
        Err(if is_valid { Fault::Down } else { Fault::Invalid })
    }
    let _ = call(true).await;
    pass(1_000).await;
    assert!(matches!(call(false).await, Err(Fault::Invalid)));
    assert_eq!(BREAKER.state(), State::HalfOpen);
}

#[tokio::test(start_paused = true)]
async fn probes_that_come_to_nothing_do_not_go_on_for_ever() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    events::record();
    let service = Service::new([Transient, Throttled(5)]);
    words!(1, call(&service));
    pass(1_000).await;
    assert_eq!(words!(11, call(&service)), ["throttled"; 11], "the first, and ten that were given again");
    assert_eq!(word(&call(&service).await), "CircuitOpen 0");
    let reopened = ["transition closed open", "transition open half_open", "transition half_open open"];
    assert_eq!(events::take()[..3], reopened);
}

#[tokio::test(start_paused = true)]
async fn the_last_probe_may_be_neutral() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 2, when = |error| matches!(error, Fault::Transient(_)))]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Good, Permanent, Permanent, Good]);
    words!(1, call(&service));
    pass(1_000).await;
    assert_eq!(words!(6, call(&service)), ["ok", "permanent", "permanent", "ok", "ok", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_probe_has_failed() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1, slow_call = "100ms")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, after(100, Good), Good]);
    words!(1, call(&service));
    pass(1_000).await;
    assert_eq!(words!(2, call(&service)), ["ok", "CircuitOpen 0"]);
    pass(1_000).await;
    assert_eq!(words!(2, call(&service)), ["ok", "ok"]);
}

#[tokio::test(start_paused = true)]
async fn open_for_grows_while_probes_fail_and_starts_again_after_closing() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", max_open_for = "5s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    for secs in [1, 2, 4, 5, 5, 5] {
        assert_eq!(word(&call(&service).await), "transient");
        assert_eq!(rejected(call(&service).await).retry_after(), Some(Duration::from_secs(secs)));
        pass(secs * 1_000).await;
    }
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok");
    service.now([Transient]);
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(rejected(call(&service).await).retry_after(), Some(Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn open_for_stays_without_a_maximum() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    for _ in 0..50 {
        assert_eq!(word(&call(&service).await), "transient");
        assert_eq!(rejected(call(&service).await).retry_after(), Some(Duration::from_secs(1)));
        pass(1_000).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_generic_function_has_one_state() {
    #[circuit_breaker(consecutive = 2)]
    async fn call<T: Send>(service: &Service, _: T) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(word(&call(&service, 1u8).await), "transient");
    assert_eq!(word(&call(&service, "text").await), "transient");
    assert_eq!(word(&call(&service, 1.5).await), "CircuitOpen 0");
}

#[tokio::test(start_paused = true)]
async fn two_breakers_of_one_stack_are_two() {
    #[circuit_breaker(consecutive = 4, open_for = "9s")]
    #[circuit_breaker(consecutive = 2, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    assert_eq!(words!(3, call(&service)), ["transient", "transient", "CircuitOpen 0"]);
    pass(1_000).await;
    // The rejection was not recorded: this is the third failure in a row of the outer one.
    assert_eq!(words!(2, call(&service)), ["transient", "CircuitOpen 0"]);
    pass(1_000).await;
    assert_eq!(word(&call(&service).await), "transient");
    assert_eq!(rejected(call(&service).await).retry_after(), Some(Duration::from_secs(9)));
}

#[tokio::test(start_paused = true)]
async fn a_scope_sees_nothing_of_the_rest() {
    #[circuit_breaker(consecutive = 1, open_for = "60s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let (one, other) = (Runtime::builder().build(), Runtime::builder().build());
    assert_eq!(one.scope(async { words!(2, call(&service)) }).await, ["transient", "CircuitOpen 0"]);
    assert_eq!(other.scope(async { words!(2, call(&service)) }).await, ["transient", "CircuitOpen 0"]);
    assert_eq!(word(&one.scope(call(&service)).await), "CircuitOpen 0", "the same runtime, the same state");
    service.now([Good]);
    assert_eq!(word(&call(&service).await), "ok", "the home state was never touched");
    let inner = async { word(&one.scope(call(&service)).await) };
    assert_eq!(other.scope(inner).await, "CircuitOpen 0", "the inner scope counts");
    let (a, b) = tokio::join!(one.scope(call(&service)), call(&service));
    assert_eq!((word(&a).as_str(), word(&b).as_str()), ("CircuitOpen 0", "ok"));
}

#[tokio::test(start_paused = true)]
async fn spawn_carries_the_scope_and_tokios_does_not() {
    #[circuit_breaker(consecutive = 1, open_for = "60s")]
    async fn call(step: Step) -> Reply {
        Service::new([step]).call().await
    }
    let runtime = Runtime::builder().build();
    runtime
        .scope(async {
            assert_eq!(word(&call(Transient).await), "transient");
            let carried = resilience::spawn(call(Good)).await.expect("no panic");
            assert_eq!(word(&carried), "CircuitOpen 0");
            let bare = tokio::spawn(call(Good)).await.expect("no panic");
            assert_eq!(word(&bare), "ok");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn nothing_happens_before_the_first_poll() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 1)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient, Good]);
    let early = call(&service);
    words!(1, call(&service));
    pass(1_000).await;
    // No probe is taken by a future that nobody polls.
    let unpolled = call(&service);
    assert_eq!(word(&early.await), "ok");
    drop(unpolled);
    assert_eq!(word(&call(&service).await), "ok");
}

/// Many threads ask a half-open breaker at the same moment of paused time.
#[test]
fn exactly_probes_under_contention() {
    #[circuit_breaker(consecutive = 1, open_for = "1s", probes = 3)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    for _ in 0..50 {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        let tokio = tokio.expect("a runtime");
        let (runtime, service) = (Runtime::builder().build(), Service::new([Transient, Hang]));
        tokio.block_on(runtime.scope(async {
            words!(1, call(&service));
            pass(1_000).await;
        }));
        let (rejections, barrier) = (AtomicU32::new(0), std::sync::Barrier::new(8));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let _time = tokio.enter();
                    let mut calls: Vec<_> = (0..4).map(|_| Box::pin(runtime.scope(call(&service)))).collect();
                    barrier.wait();
                    for call in &mut calls {
                        if let Some(reply) = support::poll_times(call.as_mut(), 1) {
                            assert_eq!(kind(reply), Kind::CircuitOpen);
                            rejections.fetch_add(1, Ordering::SeqCst);
                        }
                    }
                    // Nobody gives a probe back before all have asked.
                    barrier.wait();
                });
            }
        });
        assert_eq!((service.executions(), rejections.into_inner()), (1 + 3, 8 * 4 - 3));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_window_shared_by_many_tasks_loses_nothing() {
    #[circuit_breaker(failure_rate = 0.5, window = 1_000, min_calls = 1_000)]
    async fn call(step: Step) -> Reply {
        Service::new([step]).call().await
    }
    let runtime = Runtime::builder().build();
    // 499 failures in every 1000: never open. One more: open.
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let runtime = runtime.clone();
            tokio::spawn(async move {
                for n in 0..250 {
                    let step = if (n * 4 + task) < 499 { Transient } else { Good };
                    assert_ne!(word(&runtime.scope(call(step)).await), "CircuitOpen 0");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic");
    }
    // The window slides: what leaves it is a failure as well.
    assert_eq!(word(&runtime.scope(call(Good)).await), "ok");
}
