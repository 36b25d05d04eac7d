//! What belongs to a client is in its responses and in the ledger, and in no text of ours.

use axum::response::{IntoResponse, Response};
use resilience::server::{IdempotencyLayer, Scope};

use crate::support::events;
use crate::{problem, runtime, server};

const SECRET: &str = "4711-s3cret";

/// The text of a problem, and all that was told meanwhile.
async fn words(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let headers = format!("{:?}", response.headers());
    (status, headers + &response.text().await.expect("a body") + &events::words())
}

/// Of another type, by an operator or an earlier version of the server.
#[tokio::test]
async fn a_kept_response_that_cannot_be_read_is_told_without_its_content() {
    let failing = |_| async { http::StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let server = server(crate::everybody("unreadable").at_most_once(), failing).await;
    for (key, result) in [
        ("\"text\"", serde_json::json!(SECRET)),
        ("\"list\"", serde_json::json!([SECRET])),
        ("\"body\"", serde_json::json!({ "status": 200, "headers": [], "body": { SECRET: SECRET } })),
        ("\"status\"", serde_json::json!({ "status": SECRET, "headers": [], "body": { "text": SECRET } })),
        ("\"code\"", serde_json::json!({ "status": 4711, "headers": [], "body": { "text": SECRET } })),
        (
            "\"header\"",
            serde_json::json!({ "status": 200, "headers": [[SECRET, { "text": "\n" }]], "body": { "text": "" } }),
        ),
    ] {
        assert_eq!(server.ask(key).await.status(), 500);
        let entry = runtime().operator().find(key.trim_matches('"'), 1).await.unwrap().remove(0);
        assert!(runtime().operator().resolve(entry.key, entry.fence, &result).await.unwrap());
        events::record();
        let (status, text) = words(server.ask(key).await).await;
        assert_eq!(status, 503);
        assert!(text.contains("event=answered") && text.contains("site=unreadable"), "{text}");
        assert!(text.contains("what is kept cannot be read as"), "{text}");
        assert!(!text.contains("4711"), "{text}");
    }
}

#[tokio::test]
async fn no_text_repeats_a_key_a_scope_or_a_header() {
    let handler = |_| async { (http::StatusCode::CREATED, SECRET).into_response() as Response };
    let server = server(IdempotencyLayer::new("repeats", Scope::header("x-tenant")), handler).await;
    let path = format!("/{SECRET}?q={SECRET}");
    let key = format!("\"{SECRET}\"");
    let ask = |key: &str| server.post(&path, key).body(SECRET);
    let kept = crate::answer(ask(&key).header("x-tenant", SECRET)).await;
    assert_eq!(kept.status(), 201);
    events::record();
    let other = server.post(&path, &key).header("x-tenant", SECRET).body("other");
    let long = SECRET.repeat(50);
    for (request, status) in [
        (other, 422),
        (ask(&key), 400),
        (ask(&key).header("x-tenant", SECRET).header("x-tenant", SECRET), 400),
        (ask(&key).header("x-tenant", &long), 400),
        (ask(&format!("\"{SECRET}")).header("x-tenant", SECRET), 400),
        (ask(&long).header("x-tenant", SECRET), 400),
        (ask(&key).header("idempotency-key", SECRET), 400),
        (ask(&key).header("request-timeout-ms", SECRET), 400),
        (ask(&key).header("request-attempt", SECRET), 400),
    ] {
        let (found, text) = words(crate::answer(request).await).await;
        assert_eq!(found, status, "{text}");
        assert!(!text.contains(SECRET), "{text}");
    }
    assert_eq!(problem(crate::answer(ask("\"a\"")).await).await.0, 400);
}
