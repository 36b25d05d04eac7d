//! A rejection as a response.

use axum::response::IntoResponse;
use resilience::Error;
use serde_json::json;

/// A rejection as it comes out of a ledger, which is the only way for a test to have one of every kind.
fn rejection(kind: &str, retry_after_ms: Option<u64>) -> Error {
    let wait = retry_after_ms.map(|ms| json!({ "secs": ms / 1000, "nanos": ms % 1000 * 1_000_000 }));
    let json = json!({ "kind": kind, "site": "secret::place", "retry_after": wait, "attempts": 0 });
    serde_json::from_value(json).expect("a rejection")
}

#[tokio::test]
async fn every_kind_has_its_status() {
    for (kind, status, name) in [
        ("Timeout", 504, "timeout"),
        ("DeadlineExceeded", 504, "deadline-exceeded"),
        ("CircuitOpen", 503, "circuit-open"),
        ("BulkheadFull", 503, "bulkhead-full"),
        ("RateLimited", 429, "rate-limited"),
        ("BudgetExhausted", 503, "budget-exhausted"),
        ("InProgress", 409, "in-progress"),
        ("KeyReused", 422, "key-reused"),
        ("OutcomeUnknown", 409, "outcome-unknown"),
        ("ResultNotKept", 410, "result-not-kept"),
        ("LeaseLost", 409, "lease-lost"),
        ("Held", 409, "held"),
        ("InvalidKey", 400, "invalid-key"),
        ("Store", 503, "store"),
        ("Injected", 503, "injected"),
    ] {
        let response = rejection(kind, None).into_response();
        assert_eq!(response.status(), status, "{kind}");
        assert_eq!(response.extensions().get::<Error>().map(Error::kind), Some(rejection(kind, None).kind()));
        let advice = response.headers().get("x-should-retry").map(http::HeaderValue::as_bytes);
        assert_eq!(advice, (kind == "OutcomeUnknown").then_some(&b"false"[..]));
        let body = axum::body::to_bytes(response.into_body(), 9_999).await.expect("a body");
        let text = str::from_utf8(&body).expect("text");
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(&format!("\"urn:resilience:problem:{name}\"")), "{text}");
        let page = include_str!("../../docs/http.md");
        let line = format!("<a id=\"{name}\"></a>`{kind}`");
        let line = page.lines().find(|other| other.contains(&line)).expect("the page has a line for it");
        assert!(line.contains(&format!("| {status} |")), "{line}");
    }
}

#[test]
fn the_time_to_come_again_is_rounded_up() {
    for (kind, wait, seconds) in [
        ("RateLimited", Some(0), Some("0")),
        ("RateLimited", Some(1), Some("1")),
        ("RateLimited", Some(1_000), Some("1")),
        ("CircuitOpen", Some(1_001), Some("2")),
        ("CircuitOpen", None, None),
        ("BulkheadFull", None, None),
        // The end of a lease is the latest moment, and not the likely one.
        ("InProgress", Some(60_000), Some("1")),
        ("InProgress", Some(20), Some("1")),
        ("LeaseLost", None, Some("1")),
    ] {
        let response = rejection(kind, wait).into_response();
        let said = response.headers().get("retry-after").map(|value| value.to_str().expect("digits"));
        assert_eq!(said, seconds, "{kind} {wait:?}");
    }
}
