//! Both sides, annotated, and a reply that is lost between them.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::HeaderMap;
use resilience::propagation::Protocol::Http;
use resilience::propagation::SendInContext;
use resilience::{Failure, context, idempotent, retry, timeout};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use crate::{Runs, client, everybody, serve};

#[derive(Debug, thiserror::Error, Failure)]
enum Fault {
    #[error(transparent)]
    #[failure(transparent)]
    Network(#[from] reqwest::Error),
    #[error("later")]
    #[failure(throttled = wait)]
    Later { wait: Option<Duration> },
    #[error("the server answered {0}")]
    #[failure(transient)]
    Status(u16),
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        match self {
            Self::Policy(error) => error.into_response(),
            other => (http::StatusCode::BAD_GATEWAY, other.to_string()).into_response(),
        }
    }
}

#[idempotent(key = order)]
#[timeout(secs = 30)]
#[retry(attempts = 4, backoff = fixed("5ms"))]
#[timeout(secs = 20)]
async fn charge(server: SocketAddr, order: u64) -> Result<(String, bool), Fault> {
    let request = client().post(format!("http://{server}/charges")).body(order.to_string());
    let response = request.send_in_context().await?;
    match response.status().as_u16() {
        200 => {
            let replayed = response.headers().contains_key("idempotent-replayed");
            Ok((response.text().await?, replayed))
        }
        409 | 429 | 503 => Err(Fault::Later { wait: Http.retry_after(response.headers()) }),
        status => Err(Fault::Status(status)),
    }
}

/// What the server has seen, and what it has done.
#[derive(Clone, Default)]
struct Shop {
    charged: Runs,
    seen: Arc<Mutex<Vec<HeaderMap>>>,
}

#[timeout(secs = 10)]
async fn book(shop: &Shop) -> Result<String, Fault> {
    assert!(context::idempotency_key().is_some());
    Ok(format!("receipt {}", shop.charged.one_more()))
}

async fn handler(State(shop): State<Shop>) -> Result<String, Fault> {
    book(&shop).await
}

async fn look(
    State(shop): State<Shop>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    shop.seen.lock().unwrap().push(request.headers().clone());
    next.run(request).await
}

/// Hands on whole requests and responses, one per connection, and loses the first responses.
async fn lossy(server: SocketAddr, mut lost: usize) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    let losses = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&losses);
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(server).await.expect("it listens");
            if lost == 0 {
                tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
                continue;
            }
            lost -= 1;
            let counted = Arc::clone(&counted);
            tokio::spawn(async move {
                let (mut from_near, _to_near) = near.split();
                let (mut from_far, mut to_far) = far.split();
                let up = tokio::io::copy(&mut from_near, &mut to_far);
                // The head of the response has come: the handler has run.
                let down = async {
                    let mut piece = [0; 4096];
                    let read = from_far.read(&mut piece).await.expect("a response");
                    assert!(read > 0 && piece.starts_with(b"HTTP/1.1 200"));
                };
                tokio::select! { _ = up => {}, () = down => {} }
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = near.shutdown().await;
            });
        }
    });
    (address, losses)
}

async fn shop(name: &'static str) -> (Shop, SocketAddr) {
    let shop = Shop::default();
    let app = Router::new()
        .route("/charges", post(handler))
        .layer(everybody(name))
        .layer(axum::middleware::from_fn_with_state(shop.clone(), look))
        .with_state(shop.clone());
    (shop, serve(app).await)
}

#[tokio::test]
async fn a_lost_reply_is_no_second_charge() {
    let (shop, server) = shop("lost").await;
    let (address, losses) = lossy(server, 2).await;
    assert_eq!(charge(address, 7).await.expect("charged"), ("receipt 1".to_owned(), true));
    assert_eq!((losses.load(Ordering::SeqCst), shop.charged.count()), (2, 1));
    let seen = shop.seen.lock().unwrap();
    let said = |name: &str| {
        seen.iter()
            .map(|headers| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let keys = said("idempotency-key");
    let key = keys[0].as_deref().expect("a key");
    assert!(key.len() == 66 && key.starts_with('"') && key.ends_with('"'), "{key}");
    assert!(keys.iter().all(|other| *other == keys[0]));
    assert_eq!(said("request-attempt"), [None, Some("2".to_owned()), Some("3".to_owned())]);
    for left in said("request-timeout-ms") {
        let left: u64 = left.expect("a deadline").parse().expect("digits");
        assert!((15_000..=20_000).contains(&left), "{left}");
    }
}

#[tokio::test]
async fn without_the_layer_it_would_be_charged_again() {
    let shop = Shop::default();
    let app = Router::new()
        .route("/charges", post(async |State(shop): State<Shop>| shop.charged.one_more().to_string()))
        .with_state(shop.clone());
    let (address, _) = lossy(serve(app).await, 2).await;
    assert_eq!(charge(address, 8).await.expect("charged"), ("3".to_owned(), false));
    assert_eq!(shop.charged.count(), 3);
}

/// The client's own `timeout` stays, and a request's is shortened.
#[tokio::test]
async fn a_timeout_is_never_lengthened() {
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", silent.local_addr().expect("bound"));
    let hour = Duration::from_hours(1);
    let times_out = async |request: reqwest::RequestBuilder, left| {
        let sent = context::with_deadline(Instant::now() + left, request.send_in_context());
        let sent = tokio::time::timeout(Duration::from_secs(20), sent).await.expect("not after an hour");
        sent.expect_err("nobody answers").is_timeout()
    };
    let impatient = reqwest::Client::builder().no_proxy().timeout(Duration::from_millis(20)).build();
    assert!(times_out(impatient.expect("a client").get(&url), hour).await);
    assert!(times_out(client().get(&url).timeout(hour), Duration::from_millis(50)).await);
    assert!(times_out(client().get(&url).timeout(Duration::from_millis(20)), hour).await);
}

#[tokio::test]
async fn a_request_that_cannot_be_built_says_so() {
    assert!(client().get("no url").send_in_context().await.expect_err("no URL").is_builder());
}

#[tokio::test]
async fn the_advice_of_a_response_is_heeded() {
    let shop = Shop::default();
    let app = Router::new()
        .route(
            "/charges",
            post(async |State(shop): State<Shop>| {
                shop.charged.one_more();
                Response::builder().status(500).header("x-should-retry", "false").body(Body::empty()).unwrap()
            }),
        )
        .with_state(shop.clone());
    assert!(matches!(charge(serve(app).await, 9).await, Err(Fault::Status(500))));
    assert_eq!(shop.charged.count(), 1);
}
