//! The storefront example in paused time: the page stays up and fast, and without policies it does not.
#![cfg(feature = "test-util")]
#![allow(missing_docs)]

#[path = "support/example.rs"]
mod example;

use std::process::Command;

use serde_json::Value;

/// The timeout of the page, and the step of tokio's timers.
const PROMISE_MS: f64 = 401.0;

#[test]
fn the_page_stays_up_and_fast() {
    let storefront = example::build("storefront");
    for seed in ["1", "2", "3"] {
        let picture = format!("{}/storefront-{seed}.svg", env!("CARGO_TARGET_TMPDIR"));
        let mut command = Command::new(&storefront);
        command.args(["--paused", "--seed", seed, "--json", "--picture", &picture]);
        let output = command.output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("it is text");
        let both: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("it is JSON");

        keeps_its_promise(&both["protected"]);
        is_worse(&both["unprotected"], &both["protected"]);

        let drawn = std::fs::read_to_string(&picture).expect("a picture");
        let marks = drawn.matches("h0M").count();
        assert!(marks > 3_000 && !drawn.contains("NaN") && !drawn.contains("inf"), "{marks} marks");
        std::fs::remove_file(picture).expect("it is ours");
    }
}

fn keeps_its_promise(run: &Value) {
    for never in ["errors", "given_up", "degraded_without_cause"] {
        assert_eq!(run[never], 0, "{never}: {run}");
    }
    assert!(number(run, "slowest_ms") < PROMISE_MS, "{run}");
    // Each of the policies has had something to do.
    for done in ["hedges_won", "retries", "breaker_openings"] {
        assert!(number(run, done) >= 1.0, "{done}: {run}");
    }
    for kind in ["Timeout", "CircuitOpen", "BulkheadFull", "RateLimited"] {
        assert!(number(&run["rejections"], kind) >= 1.0, "{kind}: {run}");
    }
    // Two of three pages are whole, though something misbehaves for three fifths of the time.
    assert!(number(run, "whole") >= 0.65 * number(run, "pages"), "{run}");
}

fn is_worse(run: &Value, protected: &Value) {
    let errors = number(run, "errors") + number(run, "given_up");
    assert!(errors >= 0.15 * number(run, "pages"), "{run}");
    for tail in ["p99_ms", "p99_9_ms"] {
        assert!(number(run, tail) >= 10.0 * number(protected, tail), "{tail}: {run} {protected}");
    }
    // Policies do not save the page at the cost of those it asks.
    for (name, asked) in protected["asked"].as_object().expect("by dependency") {
        let calls = number(asked, "calls");
        assert!(calls <= 1.05 * number(&run["asked"][name], "calls"), "{name}: {run} {protected}");
    }
}

#[track_caller]
fn number(object: &Value, name: &str) -> f64 {
    object[name].as_f64().unwrap_or_else(|| panic!("no number {name}: {object}"))
}
