//! The edge of HTTP: real servers on loopback, and clients of all kinds. Time is real here, and nothing waits for it.
#![cfg(feature = "axum")]
#![allow(missing_docs)]

mod answers;
mod clients;
#[cfg(feature = "reqwest")]
mod end_to_end;
mod limits;
mod replays;
mod scopes;
mod secrets;
mod statuses;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod time;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::response::Response;
use axum::routing::any;
use resilience::Runtime;
use resilience::server::{IdempotencyLayer, Scope};
use serde_json::Value;
use tokio::net::TcpListener;

/// The runtime of this process. The tests have names of their own for their layers.
fn runtime() -> &'static Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Runtime::builder().memory().build();
        runtime.clone().install().expect("nothing has run yet");
        runtime
    });
    &RUNTIME
}

/// How often the handler has run.
#[derive(Clone, Default)]
struct Runs(Arc<AtomicUsize>);

impl Runs {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    fn one_more(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }
}

/// A layer of this name, for tests that have one client.
fn everybody(name: &'static str) -> IdempotencyLayer {
    IdempotencyLayer::new(name, Scope::everybody())
}

/// Listens on a port of its own until the test is over.
async fn serve(app: Router) -> SocketAddr {
    runtime();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A server with one handler for every path, which is told how often it has run, this time included.
async fn server<F>(
    layer: IdempotencyLayer,
    handler: impl Fn(usize) -> F + Clone + Send + Sync + 'static,
) -> Server
where
    F: Future<Output = Response> + Send + 'static,
{
    let runs = Runs::default();
    let counted = runs.clone();
    let handler = any(move || handler(counted.one_more()));
    let app = Router::new().route("/", handler.clone()).route("/{*path}", handler).layer(layer);
    Server { address: serve(app).await, runs }
}

struct Server {
    address: SocketAddr,
    runs: Runs,
}

impl Server {
    fn post(&self, path: &str, key: &str) -> reqwest::RequestBuilder {
        client().post(format!("http://{}{path}", self.address)).header("idempotency-key", key)
    }

    /// The answer to the same request each time.
    async fn ask(&self, key: &str) -> reqwest::Response {
        answer(self.post("/charges", key).body("250")).await
    }
}

fn client() -> reqwest::Client {
    let as_it_is = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(as_it_is).build().expect("a client")
}

async fn answer(request: reqwest::RequestBuilder) -> reqwest::Response {
    request.send().await.expect("an answer")
}

fn header<'a>(response: &'a reqwest::Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).map(|value| value.to_str().expect("ASCII"))
}

fn is_replay(response: &reqwest::Response) -> bool {
    header(response, "idempotent-replayed") == Some("true")
}

/// The status, and what the problem is called.
async fn problem(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), Some("application/problem+json"));
    let json: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(json["status"], status);
    assert!(json["title"].is_string() && json["detail"].as_str().is_some_and(|text| text.ends_with('.')));
    let kind = json["type"].as_str().expect("a type");
    let name = kind.strip_prefix("urn:resilience:problem:").expect("a name that leads nowhere");
    let place = format!("<a id=\"{name}\"></a>");
    assert!(include_str!("../../docs/http.md").contains(&place), "the page has a line for {name}");
    (status, name.to_owned())
}

/// What must not hang.
async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it hangs")
}
