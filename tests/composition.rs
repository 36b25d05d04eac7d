//! A truth table: a stack, a script and some calls give executions, results and a time.
#![allow(missing_docs)]

mod support;

use resilience::{bulkhead, circuit_breaker, fallback, hedge, rate_limit, retry, timeout};
use support::{
    Fault, Good, Hang, Permanent, Reply, Service, Throttled, Transient, after, kind, pass, timed, word,
};

/// One row: the stack, the script, the executions, what the calls saw one after the other, the milliseconds in all.
macro_rules! table {
    ($($name:ident { $(#[$($policy:tt)*])* } $script:expr => $executions:expr, $seen:expr, $ms:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $(#[$($policy)*])*
            async fn call(service: &Service) -> Reply {
                service.call().await
            }
            let service = Service::new($script);
            let expected: Vec<&str> = $seen.into();
            let all = async {
                let mut seen = Vec::new();
                for _ in 0..expected.len() {
                    seen.push(word(&call(&service).await));
                }
                seen
            };
            let (seen, ms) = timed(all).await;
            assert_eq!((service.executions(), seen, ms), ($executions, expected.iter().map(ToString::to_string).collect(), $ms));
            assert_eq!(service.running(), 0);
        }
    )*};
}

table! {
    // Timeout above hedge: the total. Below: for each attempt, from its own start.
    timeout_hedge_cuts_all {
        #[timeout(ms = 200)]
        #[hedge(after = "50ms", repeatable)]
    } [Hang] => 2, ["Timeout 2"], 200;

    timeout_hedge_no_time_for_another {
        #[timeout(ms = 100)]
        #[hedge(after = "50ms", max = 2, repeatable)]
    } [Hang] => 2, ["Timeout 2"], 100;

    hedge_timeout_each_attempt {
        #[hedge(after = "50ms", repeatable)]
        #[timeout(ms = 200)]
    } [Hang, after(199, Good)] => 2, ["ok"], 249;

    hedge_timeout_the_first_is_cut_before_the_second_starts {
        #[hedge(after = "50ms", repeatable)]
        #[timeout(ms = 40)]
    } [Hang] => 1, ["Timeout 1"], 40;

    // Retry above hedge repeats the hedged call; below, each attempt repeats, and what gave up is not repeated above.
    retry_hedge_two_runs_are_one_attempt {
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[hedge(after = "50ms", repeatable)]
    } [after(60, Transient)] => 4, ["transient"], 110 + 100 + 110;

    retry_hedge_a_fast_failure_is_the_retrys {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[hedge(after = "50ms", repeatable)]
    } [Transient, Hang, Good] => 3, ["ok"], 100 + 50;

    hedge_retry_a_slow_backoff_is_hedged {
        #[hedge(after = "50ms", repeatable)]
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient, after(10, Good)] => 2, ["ok"], 60;

    hedge_retry_both_use_their_attempts_up {
        #[hedge(after = "50ms", repeatable)]
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient] => 4, ["transient"], 50 + 100;

    retry_hedge_retry_do_not_multiply {
        #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
        #[hedge(after = "50ms", repeatable)]
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient] => 4, ["transient"], 150;

    // Breaker below hedge: each attempt is a record, a loser is none. Above: the call is one.
    hedge_breaker_a_loser_is_no_record {
        #[hedge(after = "50ms", repeatable)]
        #[circuit_breaker(consecutive = 1)]
    } [Hang, Good, Hang, Good, Good] => 5, ["ok", "ok", "ok"], 100;

    hedge_breaker_opened_by_one_of_two {
        #[hedge(after = "50ms", repeatable)]
        #[circuit_breaker(consecutive = 1)]
    } [after(80, Good), after(10, Transient)] => 2, ["ok", "CircuitOpen 0"], 80;

    breaker_hedge_the_call_counts_once {
        #[circuit_breaker(consecutive = 2)]
        #[hedge(after = "50ms", repeatable)]
    } [after(60, Transient)] => 4, ["transient", "transient", "CircuitOpen 0"], 2 * 110;

    // Timeout above retry: the total.
    timeout_retry_all_fast {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient] => 3, ["transient"], 200;

    timeout_retry_cut_in_an_attempt {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient, Hang] => 2, ["Timeout 2"], 1_000;

    timeout_retry_no_time_for_another {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [after(449, Transient)] => 2, ["transient"], 449 + 100 + 449;

    timeout_retry_the_last_possible_moment {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [after(899, Transient), Good] => 2, ["ok"], 999;

    timeout_retry_a_moment_too_late {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [after(900, Transient), Good] => 1, ["transient"], 900;

    timeout_retry_a_pause_that_is_too_long {
        #[timeout(ms = 1_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Throttled(5_000)] => 1, ["throttled"], 0;

    // Retry above timeout: for each attempt.
    retry_timeout_repeats_it {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang] => 3, ["Timeout 3"], 3 * 500 + 2 * 100;

    retry_timeout_a_later_attempt_is_in_time {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang, after(499, Good)] => 2, ["ok"], 500 + 100 + 499;

    retry_timeout_the_last_real_error {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang, Hang, Transient] => 3, ["transient"], 2 * 600;

    retry_timeout_permanent {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang, Permanent] => 2, ["permanent"], 600;

    // Whatever `when` says, it is asked about the body's errors only.
    retry_when_timeout {
        #[retry(attempts = 3, backoff = none, repeatable, when = |_| false)]
        #[timeout(ms = 500)]
    } [Hang, Transient] => 2, ["transient"], 500;

    // Both.
    timeout_retry_timeout {
        #[timeout(ms = 1_200)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang] => 2, ["Timeout 2"], 500 + 100 + 500;

    timeout_retry_timeout_cut_by_the_total {
        #[timeout(ms = 1_300)]
        #[retry(attempts = 3, backoff = fixed("50ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang] => 3, ["Timeout 3"], 1_300;

    // Retry above breaker: each attempt is a record.
    retry_breaker_every_attempt_counts {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[circuit_breaker(consecutive = 3)]
    } [Transient] => 3, ["transient", "CircuitOpen 0"], 0;

    retry_breaker_opens_between_attempts {
        #[retry(attempts = 5, backoff = none, repeatable)]
        #[circuit_breaker(consecutive = 3)]
    } [Transient] => 3, ["CircuitOpen 3"], 0;

    retry_breaker_a_rejection_is_not_repeated {
        #[retry(attempts = 5, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[circuit_breaker(consecutive = 1, open_for = "150ms", probes = 1)]
    } [Transient, Good] => 1, ["CircuitOpen 1", "CircuitOpen 0"], 100;

    retry_breaker_half_open_in_time {
        #[retry(attempts = 5, backoff = fixed("200ms"), jitter = none, repeatable)]
        #[circuit_breaker(consecutive = 1, open_for = "150ms", probes = 1)]
    } [Transient, Good] => 3, ["ok", "ok"], 200;

    // Breaker above retry: the call is a record.
    breaker_retry_the_call_counts_once {
        #[circuit_breaker(consecutive = 2)]
        #[retry(attempts = 3, backoff = none, repeatable)]
    } [Transient] => 6, ["transient", "transient", "CircuitOpen 0"], 0;

    breaker_retry_a_mended_call_is_a_success {
        #[circuit_breaker(consecutive = 1)]
        #[retry(attempts = 3, backoff = none, repeatable)]
    } [Transient, Transient, Good] => 5, ["ok", "ok", "ok"], 0;

    // Breaker and timeout.
    breaker_timeout_counts {
        #[circuit_breaker(consecutive = 2)]
        #[timeout(ms = 500)]
    } [Hang] => 2, ["Timeout 1", "Timeout 1", "CircuitOpen 0"], 1_000;

    timeout_breaker_does_not {
        #[timeout(ms = 500)]
        #[circuit_breaker(consecutive = 2)]
    } [Hang] => 3, ["Timeout 1", "Timeout 1", "Timeout 1"], 1_500;

    // Three and four.
    retry_breaker_timeout {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[circuit_breaker(consecutive = 3)]
        #[timeout(ms = 500)]
    } [Hang] => 3, ["Timeout 3", "CircuitOpen 0"], 1_700;

    retry_timeout_breaker {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
        #[circuit_breaker(consecutive = 1)]
    } [Hang] => 3, ["Timeout 3"], 1_700;

    headline {
        #[timeout(ms = 2_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[circuit_breaker(consecutive = 4)]
        #[timeout(ms = 500)]
    } [Hang] => 4, ["Timeout 3", "CircuitOpen 1", "CircuitOpen 0"], 1_700 + 500 + 100;

    breaker_retry_timeout {
        #[circuit_breaker(consecutive = 2)]
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
    } [Hang] => 4, ["Timeout 2", "Timeout 2", "CircuitOpen 0"], 2 * 1_100;

    breaker_timeout_retry {
        #[circuit_breaker(consecutive = 1)]
        #[timeout(ms = 500)]
        #[retry(attempts = 3, backoff = none, repeatable)]
    } [Transient, Hang] => 2, ["Timeout 2", "CircuitOpen 0"], 500;

    timeout_breaker_retry_the_pause_is_inside {
        #[timeout(ms = 500)]
        #[circuit_breaker(consecutive = 1)]
        #[retry(attempts = 3, backoff = fixed("200ms"), jitter = none, repeatable)]
    } [Transient] => 3, ["transient", "CircuitOpen 0"], 400;

    // Retry and retry: the innermost repeats.
    retry_retry {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[retry(attempts = 2, backoff = fixed("10ms"), jitter = none, repeatable)]
    } [Transient] => 2, ["transient"], 10;

    retry_retry_nested {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable, nested = repeat)]
        #[retry(attempts = 2, backoff = fixed("10ms"), jitter = none, repeatable)]
    } [Transient] => 6, ["transient"], 3 * 10 + 2 * 100;

    retry_retry_the_outer_takes_what_the_inner_does_not {
        #[retry(attempts = 3, backoff = none, repeatable, when = |error| matches!(error, Fault::Permanent(_)))]
        #[retry(attempts = 2, backoff = none, repeatable)]
    } [Permanent] => 3, ["permanent"], 0;

    retry_timeout_retry {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
        #[retry(attempts = 3, backoff = fixed("10ms"), jitter = none, repeatable)]
    } [Transient, Hang] => 4, ["Timeout 4"], 500 + 100 + 500 + 100 + 500;

    // One call after the other finds the place free, whatever became of the last one.
    retry_bulkhead {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[bulkhead(max = 1)]
    } [Transient] => 6, ["transient", "transient"], 0;

    bulkhead_timeout {
        #[bulkhead(max = 1)]
        #[timeout(ms = 500)]
    } [Hang] => 2, ["Timeout 1", "Timeout 1"], 1_000;

    // Each attempt takes permits below a retry, and the call above it.
    retry_rate_limit {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[rate_limit(permits = 10, burst = 2)]
    } [Transient] => 2, ["RateLimited 2", "RateLimited 0"], 0;

    retry_rate_limit_attempts_wait {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[rate_limit(permits = 10, burst = 2, max_wait = "100ms")]
    } [Transient] => 6, ["transient", "transient"], 400;

    rate_limit_retry {
        #[rate_limit(permits = 10, burst = 1)]
        #[retry(attempts = 3, backoff = none, repeatable)]
    } [Transient] => 3, ["transient", "RateLimited 0"], 0;

    breaker_rate_limit_a_rejection_is_no_record {
        #[circuit_breaker(consecutive = 2)]
        #[rate_limit(permits = 10, burst = 1)]
    } [Transient] => 1, ["transient", "RateLimited 0", "RateLimited 0"], 0;

    rate_limit_breaker_what_is_open_takes_permits {
        #[rate_limit(permits = 10, burst = 2)]
        #[circuit_breaker(consecutive = 1)]
    } [Transient] => 1, ["transient", "CircuitOpen 0", "RateLimited 0"], 0;

    rate_limit_timeout {
        #[rate_limit(permits = 10, burst = 1, max_wait = "1s")]
        #[timeout(ms = 50)]
    } [Hang] => 2, ["Timeout 1", "Timeout 1"], 100 + 50;
    // A fallback on top answers what the others could not mend; they see what they would see without it.
    fallback_timeout {
        #[fallback(|_| Ok(0))]
        #[timeout(ms = 500)]
    } [Hang, Transient, Good] => 3, ["ok", "ok", "ok"], 500;

    timeout_fallback_cannot_answer_it {
        #[timeout(ms = 500)]
        #[fallback(|_| Ok(0))]
    } [Hang, Transient] => 2, ["Timeout 1", "ok"], 500;

    timeout_fallback_timeout {
        #[timeout(ms = 900)]
        #[fallback(async |_| { pass(300).await; Ok(0) })]
        #[timeout(ms = 500)]
    } [Hang, after(700, Good)] => 2, ["ok", "ok"], 2 * 800;

    timeout_fallback_timeout_no_time_left {
        #[timeout(ms = 900)]
        #[fallback(async |_| { pass(500).await; Ok(0) })]
        #[timeout(ms = 500)]
    } [Hang] => 1, ["Timeout 1"], 900;

    fallback_retry {
        #[fallback(|_| Ok(0))]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    } [Transient] => 6, ["ok", "ok"], 400;

    fallback_breaker_opens_all_the_same {
        #[fallback(|_| Ok(0))]
        #[circuit_breaker(consecutive = 2)]
    } [Transient] => 2, ["ok", "ok", "ok", "ok"], 0;

    fallback_when_breaker {
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Transient(_)))]
        #[circuit_breaker(consecutive = 2)]
    } [Transient] => 2, ["ok", "ok", "CircuitOpen 0"], 0;

    fallback_when_permanent_passes {
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Transient(_)))]
        #[retry(attempts = 3, backoff = none, repeatable)]
    } [Permanent] => 1, ["permanent"], 0;

    retry_fallback_when_ends_it {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Policy(_)))]
        #[timeout(ms = 500)]
    } [Transient, Hang] => 2, ["ok"], 500;

    retry_fallback_when_a_timeout_is_repeated {
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Transient(_)))]
        #[timeout(ms = 500)]
    } [Hang, Hang, Transient] => 3, ["ok"], 1_000;

    retry_fallback_when_own_error_is_repeated {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[fallback(|_| Err(Fault::Transient(0)), when = |error| matches!(error, Fault::Permanent(_)))]
    } [Permanent] => 3, ["transient"], 200;

    breaker_fallback_when_an_answer_is_a_success {
        #[circuit_breaker(consecutive = 1)]
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Transient(_)))]
    } [Transient] => 3, ["ok", "ok", "ok"], 0;

    breaker_fallback_when_a_timeout_is_recorded {
        #[circuit_breaker(consecutive = 1)]
        #[fallback(|_| Ok(0), when = |error| matches!(error, Fault::Transient(_)))]
        #[timeout(ms = 500)]
    } [Hang] => 1, ["Timeout 1", "CircuitOpen 0"], 500;

    fallback_fallback_the_upper_answers_the_lower {
        #[fallback(|_| Ok(0))]
        #[fallback(|_| Err(Fault::Permanent(0)))]
    } [Transient] => 2, ["ok", "ok"], 0;

    fallback_headline {
        #[fallback(|_| Ok(0))]
        #[timeout(ms = 2_000)]
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[circuit_breaker(consecutive = 4)]
        #[timeout(ms = 500)]
    } [Hang] => 4, ["ok", "ok", "ok"], 1_700 + 500 + 100;

    // Neutral outcomes pass through everything at once.
    all_permanent {
        #[timeout(ms = 2_000)]
        #[retry(attempts = 3, repeatable)]
        #[circuit_breaker(consecutive = 1)]
        #[timeout(ms = 500)]
    } [Permanent] => 3, ["permanent", "permanent", "permanent"], 0;

    all_throttled {
        #[timeout(ms = 2_000)]
        #[retry(attempts = 3, backoff = none, repeatable)]
        #[circuit_breaker(consecutive = 1)]
        #[timeout(ms = 500)]
    } [Throttled(300)] => 3, ["throttled"], 600;

    all_good {
        #[timeout(ms = 2_000)]
        #[retry(attempts = 3, repeatable)]
        #[circuit_breaker(consecutive = 1)]
        #[timeout(ms = 500)]
    } [after(400, Good)] => 3, ["ok", "ok", "ok"], 1_200;
}

/// The same, of calls that begin together.
macro_rules! crowd {
    ($($name:ident { $(#[$($policy:tt)*])* } $script:expr => $executions:expr, $seen:expr, $ms:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            $(#[$($policy)*])*
            async fn call(service: &Service) -> Reply {
                service.call().await
            }
            let service = Service::new($script);
            let all = async {
                let (one, two, three) = tokio::join!(call(&service), call(&service), call(&service));
                [one, two, three].map(|reply| word(&reply))
            };
            let (seen, ms) = timed(all).await;
            assert_eq!((service.executions(), seen, ms), ($executions, $seen.map(str::to_owned), $ms));
            assert_eq!(service.running(), 0);
        }
    )*};
}

crowd! {
    fallback_bulkhead_together {
        #[fallback(|_| Ok(0))]
        #[bulkhead(max = 1)]
    } [after(300, Good)] => 1, ["ok", "ok", "ok"], 300;

    // A place is held while the fallback below it answers.
    bulkhead_fallback_together {
        #[bulkhead(max = 1, queue = 2)]
        #[fallback(async |_| { pass(100).await; Ok(0) })]
    } [Transient] => 3, ["ok", "ok", "ok"], 300;

    // The wait counts towards a timeout above, and not towards one below.
    timeout_bulkhead_together {
        #[timeout(ms = 500)]
        #[bulkhead(max = 1, queue = 2)]
    } [after(300, Good)] => 2, ["ok", "Timeout 1", "Timeout 0"], 500;

    bulkhead_timeout_together {
        #[bulkhead(max = 1, queue = 2)]
        #[timeout(ms = 500)]
    } [after(300, Good)] => 3, ["ok", "ok", "ok"], 900;

    timeout_bulkhead_max_wait_together {
        #[timeout(ms = 500)]
        #[bulkhead(max = 1, queue = 1, max_wait = "200ms")]
    } [after(300, Good)] => 1, ["ok", "BulkheadFull 0", "BulkheadFull 0"], 300;

    // A retry does not repeat a rejection, and waits without a place.
    retry_bulkhead_together {
        #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[bulkhead(max = 1)]
    } [after(10, Good)] => 1, ["ok", "BulkheadFull 0", "BulkheadFull 0"], 10;

    retry_bulkhead_others_run_during_the_backoff {
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[bulkhead(max = 1, queue = 2)]
    } [after(10, Transient), after(40, Good)] => 4, ["ok", "ok", "ok"], 150;

    retry_bulkhead_no_place_for_another_attempt {
        #[retry(attempts = 2, backoff = fixed("100ms"), jitter = none, repeatable)]
        #[bulkhead(max = 1, queue = 2, max_wait = "50ms")]
    } [after(10, Transient), after(30, Good), after(500, Good)] => 3, ["BulkheadFull 1", "ok", "ok"], 540;

    retry_timeout_bulkhead_a_cut_in_the_queue_is_repeated {
        #[retry(attempts = 2, backoff = fixed("200ms"), jitter = none, repeatable)]
        #[timeout(ms = 500)]
        #[bulkhead(max = 1, queue = 1)]
    } [after(500 - 1, Good)] => 3, ["ok", "ok", "BulkheadFull 0"], 500 + 200 + 499;

    // A breaker above does not record it; one below rejects those who waited.
    breaker_bulkhead_together {
        #[circuit_breaker(consecutive = 1)]
        #[bulkhead(max = 1)]
    } [after(10, Good)] => 1, ["ok", "BulkheadFull 0", "BulkheadFull 0"], 10;

    bulkhead_breaker_together {
        #[bulkhead(max = 1, queue = 2)]
        #[circuit_breaker(consecutive = 1)]
    } [after(10, Transient)] => 1, ["transient", "CircuitOpen 0", "CircuitOpen 0"], 10;

    // A place for each attempt below a hedge, one for the call above.
    hedge_bulkhead_together {
        #[hedge(after = "50ms", repeatable)]
        #[bulkhead(max = 2)]
    } [after(60, Good)] => 2, ["ok", "ok", "BulkheadFull 0"], 60;

    bulkhead_hedge_together {
        #[bulkhead(max = 2)]
        #[hedge(after = "50ms", repeatable)]
    } [after(60, Good)] => 4, ["ok", "ok", "BulkheadFull 0"], 60;
    // The wait counts towards a timeout above. One that could not be over in time is not begun.
    timeout_rate_limit_together {
        #[timeout(ms = 150)]
        #[rate_limit(permits = 10, burst = 1, max_wait = "140ms")]
    } [after(60, Good)] => 2, ["ok", "Timeout 1", "RateLimited 0"], 150;

    retry_timeout_rate_limit_together {
        #[retry(attempts = 2, backoff = fixed("50ms"), jitter = none, repeatable)]
        #[timeout(ms = 250)]
        #[rate_limit(permits = 10, burst = 1, max_wait = "240ms")]
    } [after(60, Good)] => 4, ["ok", "ok", "ok"], 250 + 50 + 60;

    rate_limit_bulkhead_together {
        #[rate_limit(permits = 10, burst = 1, max_wait = "1s")]
        #[bulkhead(max = 1)]
    } [after(150, Good)] => 2, ["ok", "BulkheadFull 0", "ok"], 200 + 150;

    // The upper one lets two in, and the lower one of these.
    bulkhead_bulkhead_together {
        #[bulkhead(max = 2)]
        #[bulkhead(max = 1, queue = 1)]
    } [after(10, Good)] => 2, ["ok", "ok", "BulkheadFull 0"], 20;
}

#[tokio::test(start_paused = true)]
async fn may_have_run_is_sticky() {
    #[retry(attempts = 3, backoff = none, repeatable)]
    #[circuit_breaker(consecutive = 2)]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let error = call(&service).await.expect_err("open").rejection();
    assert_eq!((error.attempts(), error.may_have_run()), (2, true), "rejected, but not before it ran");
    let error = call(&service).await.expect_err("open").rejection();
    assert_eq!((error.attempts(), error.may_have_run()), (0, false));
    let error = call(&service).await.expect_err("open").rejection();
    assert_eq!((error.attempts(), error.may_have_run()), (0, false));
}

#[tokio::test(start_paused = true)]
async fn attempts_are_those_of_the_call_that_was_stopped() {
    #[timeout(ms = 1_000)]
    #[retry(attempts = 3, backoff = none, repeatable)]
    async fn outer(service: &Service) -> Reply {
        let _ = guarded(service).await;
        match guarded(service).await {
            Err(Fault::Policy(error)) => {
                assert_eq!(
                    (error.attempts(), error.may_have_run()),
                    (0, false),
                    "the inner call did not run"
                );
            }
            other => panic!("{other:?}"),
        }
        std::future::pending().await
    }
    #[circuit_breaker(consecutive = 1)]
    async fn guarded(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let error = outer(&service).await.expect_err("cut").rejection();
    assert_eq!(error.attempts(), 1, "what the body calls is not an attempt of it");
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_costs_a_retry_no_time() {
    #[retry(attempts = 3, backoff = fixed("1s"), jitter = none, repeatable)]
    #[circuit_breaker(consecutive = 1, open_for = "30s")]
    async fn call(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Transient]);
    let _ = call(&service).await;
    let (reply, ms) = timed(call(&service)).await;
    assert_eq!((kind(reply), ms), (resilience::Kind::CircuitOpen, 0));
    pass(30_000).await;
    service.now([Good]);
    assert!(call(&service).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn policies_decide_in_the_order_they_are_written() {
    #[timeout(ms = 300)]
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    async fn total(service: &Service) -> Reply {
        service.call().await
    }
    #[retry(attempts = 3, backoff = fixed("100ms"), jitter = none, repeatable)]
    #[timeout(ms = 300)]
    async fn each(service: &Service) -> Reply {
        service.call().await
    }
    let service = Service::new([Hang]);
    assert_eq!(timed(total(&service)).await.1, 300);
    assert_eq!(timed(each(&service)).await.1, 3 * 300 + 2 * 100);
}
