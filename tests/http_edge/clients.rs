//! Clients that ask twice, and clients that go away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::response::{IntoResponse, Response};
use resilience::EntryState;
use resilience::server::IdempotencyLayer;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{Server, everybody, header, is_replay, problem, runtime, server};

/// Handlers stand in it until they are let through.
#[derive(Clone)]
struct Gate {
    entered: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    fn new() -> Self {
        Self { entered: Arc::new(Semaphore::new(0)), open: Arc::new(Semaphore::new(0)) }
    }

    async fn pass(self) -> Response {
        self.entered.add_permits(1);
        self.open.acquire().await.expect("open").forget();
        "done".into_response()
    }

    async fn has_been_entered(&self) {
        self.entered.acquire().await.expect("open").forget();
    }
}

async fn gated(layer: IdempotencyLayer) -> (Server, Gate) {
    let gate = Gate::new();
    let inside = gate.clone();
    (server(layer, move |_| inside.clone().pass()).await, gate)
}

/// What the ledger knows of this key as written.
async fn state(key: &str) -> Option<EntryState> {
    let found = runtime().operator().find(key, 2).await.expect("memory answers");
    assert!(found.len() < 2, "the tests have keys of their own");
    found.first().map(|entry| entry.state)
}

const HEAD: &str = "POST /charges HTTP/1.1\r\nhost: a\r\n";

#[tokio::test]
async fn fifty_at_once_run_once() {
    for (name, wait) in [("all wait", true), ("none waits", false)] {
        let mut layer = everybody(name);
        if wait {
            layer = layer.wait(Duration::from_mins(1));
        }
        let (server, gate) = gated(layer).await;
        let mut callers = JoinSet::new();
        for _ in 0..50 {
            callers.spawn(server.post("/charges", "\"a\"").body("250").send());
        }
        gate.has_been_entered().await;
        let mut answers = Vec::new();
        if !wait {
            while answers.len() < 49 {
                answers.push(callers.join_next().await.unwrap().unwrap().unwrap());
            }
        }
        gate.open.add_permits(50);
        while let Some(answer) = callers.join_next().await {
            answers.push(answer.unwrap().unwrap());
        }
        let fresh = answers.iter().filter(|answer| answer.status() == 200 && !is_replay(answer)).count();
        let others =
            answers.iter().filter(|answer| if wait { is_replay(answer) } else { answer.status() == 409 });
        assert_eq!((fresh, others.count(), server.runs.count()), (1, 49, 1));
    }
}

#[tokio::test]
async fn a_client_that_goes_away_ends_nothing() {
    let (server, gate) = gated(everybody("goes away")).await;
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    let request = format!("{HEAD}idempotency-key: \"went\"\r\ncontent-length: 3\r\n\r\n250");
    stream.write_all(request.as_bytes()).await.expect("sent");
    gate.has_been_entered().await;
    drop(stream);
    // The server has noticed, once it has answered a few others.
    for _ in 0..20 {
        let early = crate::soon(server.ask("\"went\"")).await;
        assert_eq!(problem(early).await, (409, "in-progress".to_owned()));
    }
    let in_vain = runtime().drain(Instant::now() + Duration::from_millis(50)).await;
    assert!(in_vain.is_err(), "the request still runs");
    gate.open.add_permits(1);
    runtime().drain(Instant::now() + Duration::from_mins(1)).await.expect("it ends");
    assert_eq!(state("went").await, Some(EntryState::Done));
    let again = server.ask("\"went\"").await;
    assert!(is_replay(&again));
    assert_eq!((again.text().await.unwrap(), server.runs.count()), ("done".to_owned(), 1));
}

#[tokio::test]
async fn a_client_that_goes_away_while_it_sends_has_begun_nothing() {
    let (server, gate) = gated(everybody("while it sends")).await;
    gate.open.add_permits(1);
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    let request = format!("{HEAD}idempotency-key: \"sends\"\r\ncontent-length: 3\r\n\r\n25");
    stream.write_all(request.as_bytes()).await.expect("sent");
    stream.shutdown().await.expect("shut");
    let mut answer = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await.expect("the end");
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{}", String::from_utf8_lossy(&answer));
    assert_eq!((server.runs.count(), state("sends").await), (0, None));
    assert!(!is_replay(&server.ask("\"sends\"").await));
}

#[tokio::test]
async fn a_panic_leaves_it_in_doubt() {
    for (name, key, at_most_once) in [("panics", "panic1", false), ("panics once", "panic2", true)] {
        let layer = everybody(name);
        let layer = if at_most_once { layer.at_most_once() } else { layer };
        let server = server(layer, |run| async move {
            assert_ne!(run, 1, "on purpose");
            "done".into_response()
        })
        .await;
        let quoted = format!("\"{key}\"");
        let first = server.post("/charges", &quoted).body("250").send().await;
        assert!(first.is_err(), "the server closes the connection, as it does without the layer");
        assert_eq!(state(key).await, Some(EntryState::InDoubt));
        let second = server.ask(&quoted).await;
        if at_most_once {
            assert_eq!(header(&second, "x-should-retry"), Some("false"));
            assert_eq!(problem(second).await, (409, "outcome-unknown".to_owned()));
            let entry = &runtime().operator().in_doubt(9).await.unwrap()[0];
            assert_eq!((&*entry.site, &*entry.text), (name, key));
            assert!(runtime().operator().forget(entry.key, entry.fence).await.unwrap());
            assert_eq!(server.ask(&quoted).await.status(), 200);
        } else {
            assert_eq!((second.status().as_u16(), is_replay(&second)), (200, false));
        }
        assert_eq!(server.runs.count(), 2);
    }
}
