use std::time::Duration;

use super::*;
use crate::bulkhead::Bulkhead;
use crate::circuit_breaker::{CircuitBreaker, Window};
use crate::exclusive::{Exclusive, Otherwise};
use crate::fallback::Fallback;
use crate::hedge::{After, Hedge};
use crate::idempotent::{Guarantee, Idempotent};
use crate::rate_limit::{RateLimit, Weight};
use crate::retry::{Backoff, Jitter, Retry};
use crate::timeout::Timeout;

const fn timeout(ms: u64) -> Policy {
    Policy::Timeout(Timeout { after: Duration::from_millis(ms), ..Timeout::DEFAULT })
}

const RETRY: Policy = Policy::Retry(Retry { repeatable: true, ..Retry::DEFAULT });
const BARE_RETRY: Policy = Policy::Retry(Retry::DEFAULT);
const BREAKER: Policy = Policy::CircuitBreaker(CircuitBreaker::DEFAULT);
const BULKHEAD: Policy = bulkhead(None);
const FALLBACK: Policy = fallback("stale", "");
const SOME: Policy = fallback("stale", "is_down");
const LEDGER: Policy = Policy::Idempotent(Idempotent::DEFAULT);
const AT_MOST_ONCE: Policy =
    Policy::Idempotent(Idempotent { guarantee: Guarantee::AtMostOnce, ..Idempotent::DEFAULT });

const RIGHT: Policy = Policy::Exclusive(Exclusive::DEFAULT);
const RIGHT_OF_KEY: Policy =
    Policy::Exclusive(Exclusive { key: "day", otherwise: Otherwise::Wait, ..Exclusive::DEFAULT });
const IN_TX: Policy =
    Policy::Idempotent(Idempotent { tx: "tx", ttl: Duration::from_secs(5), ..Idempotent::DEFAULT });

const fn waits(attempts: u32, wait: u64, jitter: Jitter) -> Policy {
    let backoff = Backoff::Fixed(Duration::from_millis(wait));
    Policy::Retry(Retry { attempts, backoff, jitter, repeatable: true, ..Retry::DEFAULT })
}

/// Such waits, and a `max_elapsed` of one second.
const fn within(wait: u64, jitter: Jitter) -> Policy {
    let Policy::Retry(retry) = waits(4, wait, jitter) else { unreachable!() };
    Policy::Retry(Retry { max_elapsed: Some(Duration::from_secs(1)), ..retry })
}

const EACH: Policy = Policy::Timeout(Timeout { dynamic: "limit", ..Timeout::DEFAULT });

const fn bulkhead(max_wait: Option<u64>) -> Policy {
    let max_wait = match max_wait {
        Some(ms) => Some(Duration::from_millis(ms)),
        None => None,
    };
    Policy::Bulkhead(Bulkhead { max: 8, queue: 8, max_wait, ..Bulkhead::DEFAULT })
}

/// Safe, with this delay or an observed one.
const fn hedge(after: Option<u64>, max: u32) -> Policy {
    let after = match after {
        Some(ms) => After::Time(Duration::from_millis(ms)),
        None => After::P95,
    };
    Policy::Hedge(Hedge { after, max, repeatable: true, ..Hedge::DEFAULT })
}

const BARE_HEDGE: Policy = Policy::Hedge(Hedge::DEFAULT);

const LIMIT: Policy = Policy::RateLimit(RateLimit { permits: 100, ..RateLimit::DEFAULT });
const LIMIT_OF_WEIGHT: Policy =
    Policy::RateLimit(RateLimit { permits: 100, weight: Weight::Computed("rows"), ..RateLimit::DEFAULT });

const fn limit_that_waits(ms: u64) -> Policy {
    let max_wait = Some(Duration::from_millis(ms));
    Policy::RateLimit(RateLimit { permits: 100, max_wait, ..RateLimit::DEFAULT })
}

const fn fallback(answer: &'static str, when: &'static str) -> Policy {
    Policy::Fallback(Fallback { answer, when })
}

const fn ledger(ttl: u64, lease: u64) -> Policy {
    let (ttl, lease) = (Duration::from_secs(ttl), Duration::from_secs(lease));
    Policy::Idempotent(Idempotent { ttl, lease, ..Idempotent::DEFAULT })
}

const fn window(calls: u32, min_calls: Option<u32>) -> Policy {
    Policy::CircuitBreaker(CircuitBreaker {
        window: Window::Calls(calls),
        min_calls,
        ..CircuitBreaker::DEFAULT
    })
}

/// (rule, policy, argument) of the violation, if there is one.
fn found(stack: &[Policy]) -> Option<(&'static str, usize, &'static str)> {
    judge(stack, &[], false).map(|v| (v.rule.map_or("range", Rule::name), v.policy, v.argument))
}

#[test]
fn sane_stacks_are_silent() {
    for stack in [
        &[LEDGER, timeout(2_000), BARE_RETRY, BREAKER, timeout(500)][..],
        &[timeout(2_000), RETRY, BREAKER, timeout(500)],
        &[RETRY, AT_MOST_ONCE, timeout(500)],
        &[BARE_RETRY, LEDGER],
        // It has no lease that a short `ttl` could be below.
        &[IN_TX, timeout(2_000), BREAKER],
        &[timeout(1_000), waits(4, 300, Jitter::None)],
        &[timeout(1_000), waits(100, 3_000, Jitter::Full)],
        &[window(20, Some(20))],
        &[window(5, None)],
        &[ledger(60, 60), waits(3, 1_000, Jitter::None), timeout(5_000)],
        &[RETRY, BREAKER, RETRY],
        &[timeout(2_000), RETRY, BULKHEAD, timeout(500)],
        &[timeout(500), bulkhead(Some(499))],
        &[bulkhead(Some(500)), timeout(500)],
        &[BULKHEAD, BREAKER, BULKHEAD],
        &[timeout(500), hedge(Some(499), 1)],
        &[hedge(Some(500), 1), timeout(500)],
        &[timeout(50), hedge(None, 10)],
        &[LEDGER, timeout(2_000), BARE_RETRY, BARE_HEDGE, BREAKER, timeout(500)],
        &[hedge(Some(50), 1), AT_MOST_ONCE],
        // Two that overlap take no longer than the second of them.
        &[ledger(60, 1), hedge(Some(30_000), 1), timeout(30_000)],
        &[ledger(60, 1), hedge(None, 10), timeout(30_000)],
        &[LIMIT, LIMIT_OF_WEIGHT],
        &[LIMIT, RETRY, LIMIT],
        &[timeout(500), limit_that_waits(499)],
        &[FALLBACK],
        &[FALLBACK, LEDGER, timeout(2_000), BARE_RETRY, BREAKER, timeout(500)],
        &[timeout(2_000), BULKHEAD, FALLBACK, timeout(500)],
        &[FALLBACK, RETRY, SOME, BREAKER, SOME, timeout(500)],
        &[LEDGER, SOME],
        &[FALLBACK, SOME],
        &[fallback("preset", ""), FALLBACK, RETRY],
        &[timeout(2_000), RETRY, RIGHT, LEDGER, timeout(500)],
        &[LEDGER, RIGHT, BARE_RETRY, BREAKER, timeout(500)],
        &[FALLBACK, RIGHT],
        &[RIGHT, RIGHT_OF_KEY, hedge(Some(50), 1), timeout(500)],
        &[],
    ] {
        assert_eq!(found(stack), None, "{stack:?}");
    }
}

#[test]
fn each_rule_finds_its_case() {
    let cases: &[(&[Policy], &str, usize, &str)] = &[
        (&[BARE_RETRY], "retry_unsafe", 0, ""),
        (&[timeout(900), BREAKER, BARE_RETRY], "retry_unsafe", 2, ""),
        (&[AT_MOST_ONCE, RETRY], "retry_unsafe", 1, ""),
        (&[IN_TX, timeout(500), RETRY], "retry_in_tx", 2, ""),
        (&[BARE_RETRY, IN_TX], "retry_in_tx", 0, ""),
        (&[IN_TX, hedge(Some(50), 1)], "retry_in_tx", 1, ""),
        (&[timeout(1_000), waits(5, 300, Jitter::None)], "unreachable_attempt", 1, "attempts"),
        (&[timeout(1_000), waits(9, 300, Jitter::Equal)], "unreachable_attempt", 1, "attempts"),
        (&[within(1_000, Jitter::None)], "unreachable_attempt", 0, "max_elapsed"),
        (&[within(2_000, Jitter::Equal)], "unreachable_attempt", 0, "max_elapsed"),
        (&[timeout(500), RETRY, timeout(500)], "dead_timeout", 2, "after"),
        (&[timeout(9_000), BREAKER, timeout(500), RETRY, timeout(600)], "dead_timeout", 4, "after"),
        (&[BARE_HEDGE], "retry_unsafe", 0, ""),
        (&[AT_MOST_ONCE, hedge(Some(50), 1)], "retry_unsafe", 1, ""),
        (&[timeout(500), hedge(Some(500), 1)], "late_hedge", 1, "after"),
        (&[timeout(900), RETRY, hedge(Some(2_000), 1), timeout(500)], "late_hedge", 2, "after"),
        (&[timeout(500), bulkhead(Some(500))], "endless_wait", 1, "max_wait"),
        (&[timeout(900), RETRY, bulkhead(Some(2_000)), timeout(500)], "endless_wait", 2, "max_wait"),
        (&[timeout(500), limit_that_waits(500)], "endless_wait", 1, "max_wait"),
        (&[window(20, Some(21))], "blind_breaker", 0, "min_calls"),
        (&[RETRY, FALLBACK], "hidden_failure", 1, ""),
        (&[timeout(900), BREAKER, timeout(500), FALLBACK], "hidden_failure", 3, ""),
        (&[LEDGER, FALLBACK, timeout(500)], "hidden_failure", 1, ""),
        (&[FALLBACK, RETRY, SOME, FALLBACK], "hidden_failure", 3, ""),
        (&[FALLBACK, FALLBACK], "twice", 1, ""),
        (&[RETRY, SOME, SOME], "twice", 2, ""),
        (&[ledger(30, 60)], "short_memory", 0, "ttl"),
        (&[ledger(60, 1), waits(3, 30_000, Jitter::Full), timeout(5_000)], "short_memory", 0, "ttl"),
        (&[ledger(60, 1), hedge(Some(30_000), 1), timeout(30_001)], "short_memory", 0, "ttl"),
        (&[timeout(500), timeout(800)], "twice", 1, "after"),
        (&[timeout(800), timeout(500)], "twice", 0, "after"),
        (&[BULKHEAD, BULKHEAD], "twice", 1, ""),
        (&[LIMIT, LIMIT], "twice", 1, ""),
        (&[BREAKER, BREAKER], "twice", 1, ""),
        (&[hedge(None, 1), hedge(None, 1)], "twice", 1, ""),
        (&[RIGHT, RIGHT], "twice", 1, ""),
        (&[RIGHT, BARE_RETRY], "retry_unsafe", 1, ""),
        (&[hedge(Some(50), 1), timeout(500), RIGHT], "held_hedge", 0, ""),
        (&[RETRY, hedge(None, 1), RIGHT_OF_KEY], "held_hedge", 1, ""),
        (&[timeout(0)], "range", 0, "after"),
    ];
    for (stack, rule, policy, argument) in cases {
        assert_eq!(found(stack), Some((*rule, *policy, *argument)), "{stack:?}");
    }
}

#[test]
fn opinions_wait_for_strict() {
    let eager = Policy::Retry(Retry { backoff: Backoff::None, repeatable: true, ..Retry::DEFAULT });
    for (stack, rule) in [
        (&[BREAKER][..], Rule::NoTimeout),
        (&[BULKHEAD], Rule::NoTimeout),
        (&[RIGHT], Rule::NoTimeout),
        (&[timeout(500), eager], Rule::EagerRetry),
    ] {
        assert!(judge(stack, &[], false).is_none());
        assert_eq!(judge(stack, &[], true).and_then(|found| found.rule), Some(rule));
    }
    // A hedge waits for nobody's failure, so it has no backoff to speak of.
    assert!(judge(&[timeout(500), hedge(Some(50), 1)], &[], true).is_none());
}

#[test]
fn what_only_a_call_knows_is_not_judged() {
    let once =
        Policy::Retry(Retry { attempts: 1, max_elapsed: Some(Duration::from_secs(1)), ..Retry::DEFAULT });
    let some = Policy::Retry(Retry { only_if: "is_safe", ..Retry::DEFAULT });
    for stack in [
        &[EACH][..],
        &[timeout(500), RETRY, EACH],
        &[EACH, waits(9, 300, Jitter::None), timeout(9_000)],
        &[EACH, bulkhead(Some(500))],
        &[EACH, hedge(Some(500), 1)],
        &[EACH, timeout(500)],
        &[EACH, BREAKER],
        &[timeout(9_000), within(1_000, Jitter::Full)],
        &[timeout(9_000), within(999, Jitter::None)],
        &[EACH, some],
    ] {
        assert_eq!(found(stack), None, "{stack:?}");
        assert!(judge(stack, &[Rule::EagerRetry, Rule::UnreachableAttempt], true).is_none(), "{stack:?}");
    }
    assert!(judge(&[once], &[Rule::RetryUnsafe], false).is_none());
    assert_eq!(found(&[EACH, EACH]), Some(("twice", 1, "")));
}

#[test]
fn an_allowed_rule_is_silent_and_a_range_is_not() {
    assert!(judge(&[BARE_RETRY], &[Rule::RetryUnsafe], false).is_none());
    assert!(judge(&[timeout(0)], Rule::ALL, false).is_some());
}

#[test]
fn a_rule_speaks_in_a_const_item() {
    const FOUND: Option<Violation> = judge(&[timeout(500), RETRY, timeout(2_000)], &[], false);
    let found = FOUND.expect("the inner timeout is longer");
    assert!(found.blames(2, "after"));
    assert!(found.message().starts_with(
        "this timeout (2s) is not shorter than the one above it (500ms), so it can never fire\n  help: "
    ));
    assert!(found.message().ends_with("`#[policies(allow(dead_timeout = \"why\"))]`"));
}

#[test]
fn a_hidden_failure_names_the_outermost_that_would_not_see_it() {
    let found = judge(&[timeout(900), LEDGER, RETRY, FALLBACK], &[], false).expect("hidden");
    assert!(
        found.message().contains("the `#[idempotent]` above it would keep the answer"),
        "{}",
        found.message()
    );
    assert!(found.message().contains("move it above `#[idempotent]`"), "{}", found.message());
    let found = judge(&[RETRY, BREAKER, FALLBACK], &[], false).expect("hidden");
    assert!(found.message().contains("the `#[retry]` above it would never see one"), "{}", found.message());
}

#[test]
fn a_message_is_never_cut() {
    for rule in Rule::ALL {
        assert_eq!(Rule::named(rule.name()), Some(*rule));
    }
    let found = judge(&[BARE_RETRY], &[], false).expect("unsafe");
    assert!(found.message().ends_with("]`"), "{}", found.message());
}
