//! What depends on time, in paused time and without a network.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, extract};
use resilience::server::{IdempotencyLayer, Scope};
use resilience::{Error, IdempotencyKey, context, retry, timeout};
use tokio::time::{Instant, sleep};
use tower_service::Service;

use crate::everybody;

fn request(key: &str, left: Option<u64>) -> extract::Request {
    let mut request = http::Request::post("/").header("idempotency-key", key);
    if let Some(left) = left {
        request = request.header("request-timeout-ms", left);
    }
    request.body(Body::empty()).expect("a request")
}

async fn ask(app: &Router, key: &str, left: Option<u64>) -> Response {
    app.clone().call(request(key, left)).await.expect("a router answers")
}

async fn text(response: Response) -> String {
    let body = axum::body::to_bytes(response.into_body(), 9_999).await.expect("a body");
    String::from_utf8(body.to_vec()).expect("text")
}

fn slow(layer: IdempotencyLayer, time: Duration) -> Router {
    crate::runtime();
    let handler = move || async move {
        sleep(time).await;
        "done"
    };
    Router::new().route("/", post(handler)).layer(layer)
}

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(start_paused = true)]
async fn the_claim_stands_for_as_long_as_the_handler_runs() {
    let app = slow(everybody("renewed"), 10 * MINUTE);
    let running = tokio::spawn({
        let app = app.clone();
        async move { ask(&app, "\"a\"", None).await }
    });
    for _ in 0..9 {
        sleep(MINUTE).await;
        assert_eq!(ask(&app, "\"a\"", None).await.status(), 409);
    }
    assert_eq!(text(running.await.expect("no panic")).await, "done");
    assert!(ask(&app, "\"a\"", None).await.headers().contains_key("idempotent-replayed"));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_waits_no_longer_than_its_client() {
    let app = slow(everybody("waits").wait(MINUTE), 3 * MINUTE);
    let first = tokio::spawn({
        let app = app.clone();
        async move { ask(&app, "\"a\"", None).await }
    });
    sleep(Duration::from_millis(1)).await;
    for (left, waited) in [(Some(2_000), 2), (None, 60)] {
        let start = Instant::now();
        assert_eq!(ask(&app, "\"a\"", left).await.status(), 409);
        assert_eq!(start.elapsed().as_secs(), waited);
    }
    assert_eq!(first.await.expect("no panic").status(), 200);
}

#[tokio::test(start_paused = true)]
async fn the_handler_knows_key_and_deadline() {
    #[timeout(secs = 60)]
    async fn hangs() -> Result<(), Error> {
        std::future::pending().await
    }
    async fn handler() -> Response {
        let left = context::deadline().map(|at| (at - Instant::now()).as_secs());
        let before = format!("{:?} {left:?}", context::idempotency_key().map(|key| key.to_string()));
        let cut = hangs().await.expect_err("it hangs");
        format!("{before} {:?}", cut.kind()).into_response()
    }
    crate::runtime();
    let scope = Scope::extension(|tenant: &&'static str| *tenant);
    let layer = IdempotencyLayer::new("knows", scope).optional();
    let app = Router::new().route("/", post(handler)).layer(layer).layer(extract::Extension("tenant"));
    let key = IdempotencyKey::of("knows", Some("tenant"), "a").expect("a good key");
    let start = Instant::now();
    let said = text(ask(&app, "\"a\"", Some(9_000)).await).await;
    assert_eq!(said, format!("Some(\"{key}\") Some(9) DeadlineExceeded"));
    assert_eq!(start.elapsed().as_secs(), 9);
    // Without a key too, there is a deadline.
    let mut bare = request("\"a\"", Some(4_000));
    bare.headers_mut().remove("idempotency-key");
    let said = text(app.clone().call(bare).await.expect("it answers")).await;
    assert_eq!(said, "None Some(4) DeadlineExceeded");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_has_given_up_says_so() {
    #[derive(Debug, resilience::Failure)]
    enum Fault {
        #[failure(transient)]
        Unavailable,
        #[failure(policy)]
        Policy(Error),
    }
    #[retry(attempts = 2, repeatable)]
    async fn fetch() -> Result<(), Fault> {
        Err(Fault::Unavailable)
    }
    async fn handler() -> Response {
        match fetch().await {
            Ok(()) => "done".into_response(),
            Err(Fault::Unavailable) => http::StatusCode::BAD_GATEWAY.into_response(),
            Err(Fault::Policy(error)) => error.into_response(),
        }
    }
    crate::runtime();
    let app = Router::new().route("/", post(handler).put(handler)).layer(everybody("given up"));
    for method in [http::Method::POST, http::Method::PUT] {
        let mut request = request("\"a\"", None);
        *request.method_mut() = method;
        let response = app.clone().call(request).await.expect("it answers");
        assert_eq!(
            (response.status().as_u16(), response.headers()["x-should-retry"].as_bytes()),
            (502, &b"false"[..])
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_is_forgotten_after_its_time() {
    let layer = everybody("forgotten").ttl(5 * MINUTE).lease(MINUTE);
    let app = slow(layer, Duration::from_millis(1));
    let replayed = async || ask(&app, "\"a\"", None).await.headers().contains_key("idempotent-replayed");
    assert!(!replayed().await && replayed().await);
    sleep(5 * MINUTE).await;
    assert!(!replayed().await);
}

#[test]
#[should_panic(expected = "a `ttl` of zero remembers nothing")]
fn a_setting_that_makes_no_sense_panics() {
    let _ = everybody("no sense").ttl(Duration::ZERO);
}

/// The task in which a request runs is a part of the request, also for those who trace it.
#[tokio::test(start_paused = true)]
async fn the_span_around_is_there() {
    use tracing::{Instrument, Span, info_span};
    crate::support::events::record();
    crate::runtime();
    let handler = async || format!("{:?}", Span::current().id());
    let app = Router::new().route("/", post(handler)).layer(everybody("traced"));
    let span = info_span!("a request");
    let around = format!("{:?}", span.id());
    assert_eq!(text(ask(&app, "\"a\"", None).instrument(span).await).await, around);
    assert_ne!(around, "None");
}
