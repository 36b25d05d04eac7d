//! Every status of the layer.

use std::sync::Arc;

use axum::response::IntoResponse;
use http::Method;
use resilience::{Error, idempotent};
use tokio::sync::Notify;
use tower_service::Service;

use crate::support::events;
use crate::{Server, answer, client, everybody, header, is_replay, problem, server};

async fn plain(name: &'static str) -> Server {
    server(everybody(name), |run| async move { format!("run {run}").into_response() }).await
}

#[tokio::test]
async fn a_key_is_needed_where_it_counts() {
    let server = plain("needed").await;
    let url = format!("http://{}/", server.address);
    for method in [Method::POST, Method::PATCH] {
        let response = answer(client().request(method, &url)).await;
        assert_eq!(problem(response).await, (400, "missing-key".to_owned()));
    }
    assert_eq!(server.runs.count(), 0);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for key in [None, Some("\"k\"")] {
            let mut request = client().request(method.clone(), &url);
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            assert_eq!(answer(request).await.status(), 200);
        }
    }
    assert_eq!(server.runs.count(), 6, "nothing of these is kept");
}

#[tokio::test]
async fn methods_and_keys_can_be_chosen() {
    let layer = everybody("chosen").methods([Method::PUT]).optional();
    let server = server(layer, |run| async move { run.to_string().into_response() }).await;
    let url = format!("http://{}/", server.address);
    let put = |key: Option<&'static str>| {
        let request = client().put(&url);
        answer(if let Some(key) = key { request.header("idempotency-key", key) } else { request })
    };
    assert!(!is_replay(&put(Some("\"k\"")).await) && is_replay(&put(Some("\"k\"")).await));
    assert_eq!(put(None).await.text().await.unwrap(), "2");
    assert_eq!(put(None).await.text().await.unwrap(), "3");
}

#[tokio::test]
async fn a_key_is_a_string_of_structured_fields() {
    let server = plain("strings").await;
    for bad in [
        "\"",
        "\"a",
        "a\"",
        "\"a\"b\"",
        "\"a\\n\"",
        "a b",
        "\"a\", \"b\"",
        "\"a\";p=1",
        "\"\"",
        "a,b",
        "k\u{e9}y",
    ] {
        let response = server.ask(bad).await;
        assert_eq!(problem(response).await, (400, "bad-header".to_owned()), "{bad}");
    }
    let response = server.ask(&format!("\"{}\"", "k".repeat(256))).await;
    assert_eq!(problem(response).await, (400, "bad-header".to_owned()));
    let twice = server.post("/charges", "\"a\"").header("idempotency-key", "\"a\"");
    assert_eq!(problem(answer(twice).await).await, (400, "bad-header".to_owned()));
    assert_eq!(server.runs.count(), 0);
    assert!(!is_replay(&server.ask(r#""a \"b\" \\ c""#).await));
    assert!(!is_replay(&server.ask("\"a\"").await));
    assert!(is_replay(&server.ask("a").await), "bare, it is the same key");
}

#[tokio::test]
async fn a_request_without_time_left_does_not_begin() {
    let server = plain("no time").await;
    let response = answer(server.post("/charges", "\"a\"").header("request-timeout-ms", "0")).await;
    assert_eq!(problem(response).await, (504, "deadline-exceeded".to_owned()));
    assert_eq!(server.runs.count(), 0);
}

#[tokio::test]
async fn a_duplicate_of_a_running_request_comes_too_early() {
    let gate = Arc::new(Notify::new());
    let entered = Arc::new(Notify::new());
    let (inside, door) = (Arc::clone(&entered), Arc::clone(&gate));
    let server = server(everybody("running"), move |_| {
        let (inside, door) = (Arc::clone(&inside), Arc::clone(&door));
        async move {
            inside.notify_one();
            door.notified().await;
            "done".into_response()
        }
    })
    .await;
    let first = tokio::spawn(server.post("/charges", "\"a\"").body("250").send());
    entered.notified().await;
    let second = server.ask("\"a\"").await;
    assert_eq!(header(&second, "retry-after"), Some("1"));
    assert_eq!(problem(second).await, (409, "in-progress".to_owned()));
    // Another request is another request, also under the key of a running one.
    let other = answer(server.post("/charges", "\"a\"").body("251")).await;
    assert_eq!(problem(other).await, (422, "key-reused".to_owned()));
    gate.notify_one();
    assert_eq!(first.await.unwrap().unwrap().text().await.unwrap(), "done");
    assert_eq!(server.ask("\"a\"").await.text().await.unwrap(), "done");
    assert_eq!(server.runs.count(), 1);
}

#[tokio::test]
async fn another_request_under_the_key_is_refused() {
    let server = plain("another").await;
    let kind = |kind| ("content-type", kind);
    let request =
        |path, (name, value), body| answer(server.post(path, "\"a\"").header(name, value).body(body));
    assert_eq!(request("/a?b=1", kind("text/plain"), "250").await.status(), 200);
    for (path, kind, body) in [
        ("/a?b=1", kind("text/plain"), "251"),
        ("/a?b=1", kind("text/plain"), ""),
        ("/a?b=1", kind("application/json"), "250"),
        ("/a?b=1", ("x-other", "none"), "250"),
        ("/a?b=2", kind("text/plain"), "250"),
        ("/a", kind("text/plain"), "250"),
        ("/b?b=1", kind("text/plain"), "250"),
    ] {
        assert_eq!(
            problem(request(path, kind, body).await).await,
            (422, "key-reused".to_owned()),
            "{path} {body}"
        );
    }
    let patch = client().patch(format!("http://{}/a?b=1", server.address)).header("idempotency-key", "\"a\"");
    let patch = answer(patch.header("content-type", "text/plain").body("250")).await;
    assert_eq!(problem(patch).await, (422, "key-reused".to_owned()));
    let mut same = request("/a?b=1", kind("text/plain"), "250").await;
    assert!(is_replay(&same));
    assert_eq!(same.chunk().await.unwrap().unwrap(), "run 1");
    // Other headers do not matter: a client that repeats may say more.
    let traced =
        server.post("/a?b=1", "\"a\"").header("content-type", "text/plain").header("traceparent", "00-1");
    same = answer(traced.header("request-attempt", "2").body("250")).await;
    assert!(is_replay(&same));
    assert_eq!(server.runs.count(), 1);
}

#[tokio::test]
async fn with_the_name_of_a_function_it_fails_closed() {
    #[idempotent(key = key)]
    #[resilience::policies(name = "a function")]
    async fn charge(key: u32) -> Result<u32, Error> {
        Ok(key)
    }
    let server = plain("a function").await;
    events::record();
    let response = server.ask("\"a\"").await;
    assert_eq!(problem(response).await, (500, "name-clash".to_owned()));
    assert_eq!(server.runs.count(), 0);
    assert_eq!(events::take(), ["name_clash", "rejected NameClash"], "whoever runs the server learns of it");
    assert!(charge(7).await.is_ok(), "the layer is in no manifest");
}

/// A service whose error is its own.
#[derive(Clone)]
struct Broken;
impl Service<axum::extract::Request> for Broken {
    type Response = axum::response::Response;
    type Error = std::io::Error;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;
    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }
    fn call(&mut self, _: axum::extract::Request) -> Self::Future {
        std::future::ready(Err(std::io::Error::other("broken")))
    }
}

#[tokio::test]
async fn a_service_that_is_no_router_can_fail() {
    crate::runtime();
    let mut service = tower_layer::Layer::layer(&everybody("broken"), Broken);
    for _ in 0..2 {
        let request =
            http::Request::post("/").header("idempotency-key", "\"a\"").body(axum::body::Body::empty());
        assert_eq!(service.call(request.unwrap()).await.unwrap_err().to_string(), "broken");
    }
}
