//! Bodies that are too long, or have no end.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use hyper::body::{Bytes, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Server, answer, everybody, is_replay, problem, server, soon};

/// Pieces whose number nobody knows before; forever, or until one that fails.
struct Pieces {
    left: usize,
    then: Then,
}

#[derive(Clone, Copy)]
enum Then {
    End,
    Wait,
    Fail,
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match (self.left, self.then) {
            (0, Then::End) => Poll::Ready(None),
            (0, Then::Wait) => Poll::Pending,
            (0, Then::Fail) => Poll::Ready(Some(Err(std::io::Error::other("broken")))),
            _ => {
                self.left -= 1;
                Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"0123456789")))))
            }
        }
    }
}

fn pieces(kind: &'static str, left: usize, then: Then) -> Response {
    ([("content-type", kind)], Body::new(Pieces { left, then })).into_response()
}

async fn small(name: &'static str) -> Server {
    let layer = everybody(name).request_limit(100);
    server(layer, |_| async { "done".into_response() }).await
}

/// A request as its bytes, and the line with the status of the response.
async fn raw(server: &Server, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("it listens");
    stream.write_all(request).await.expect("sent");
    let mut response = Vec::new();
    let mut piece = [0; 1024];
    while !response.windows(2).any(|end| end == b"\r\n") {
        let read = stream.read(&mut piece).await.expect("an answer");
        assert_ne!(read, 0, "the end of the connection");
        response.extend_from_slice(&piece[..read]);
    }
    String::from_utf8_lossy(&response).lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_that_is_too_long_is_refused() {
    let server = small("too long").await;
    let ask = |length| answer(server.post("/", "\"a\"").body("x".repeat(length)));
    assert_eq!(problem(ask(101).await).await, (413, "body-too-long".to_owned()));
    assert_eq!(server.runs.count(), 0);
    assert_eq!(ask(100).await.status(), 200);
}

#[tokio::test]
async fn of_a_long_request_only_the_head_is_read() {
    let server = small("only the head").await;
    let head = b"POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: \"a\"\r\ncontent-length: 1000000\r\n\r\n";
    assert!(raw(&server, head).await.contains("413"));
    assert_eq!(server.runs.count(), 0);
}

#[tokio::test]
async fn a_request_without_a_length_is_read_up_to_the_limit() {
    let server = small("without a length").await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: \"a\"\r\ntransfer-encoding: chunked\r\n\r\n";
    // It does not end, and is answered all the same.
    let long = format!("{head}{}", "32\r\n01234567890123456789012345678901234567890123456789\r\n".repeat(3));
    assert!(raw(&server, long.as_bytes()).await.contains("413"));
    assert_eq!(server.runs.count(), 0);
    assert!(raw(&server, format!("{head}3\r\n250\r\n0\r\n\r\n").as_bytes()).await.contains("200"));
    assert!(is_replay(&answer(server.post("/", "\"a\"").body("250")).await), "it is the same with a length");
}

#[tokio::test]
async fn a_long_response_passes_and_is_not_kept() {
    for (name, body) in
        [("known", Body::from("x".repeat(101))), ("unknown", Body::new(Pieces { left: 11, then: Then::End }))]
    {
        let body = std::sync::Mutex::new(Some(body));
        let body = std::sync::Arc::new(body);
        let layer = everybody(name).response_limit(100);
        let server = server(layer, move |_| {
            let body = body.lock().unwrap().take();
            async move { body.expect("it runs once").into_response() }
        })
        .await;
        let whole = server.ask("\"a\"").await.bytes().await.unwrap();
        assert!(
            whole.len() > 100 && (whole.starts_with(b"xx") || whole.ends_with(b"890123456789")),
            "{whole:?}"
        );
        assert_eq!(problem(server.ask("\"a\"").await).await, (410, "result-not-kept".to_owned()));
        assert_eq!(server.runs.count(), 1);
    }
}

/// Also where it is within the limit of the layer, and too long as it is kept.
#[tokio::test]
async fn the_ledger_has_a_limit_of_its_own() {
    let server = server(everybody("its own"), |_| async { vec![0xff; 200 * 1024].into_response() }).await;
    assert_eq!(server.ask("\"a\"").await.bytes().await.unwrap().len(), 200 * 1024);
    assert_eq!(problem(server.ask("\"a\"").await).await, (410, "result-not-kept".to_owned()));
    assert_eq!(server.runs.count(), 1);
}

#[tokio::test]
async fn a_response_of_unknown_length_is_kept_if_it_fits() {
    let layer = everybody("fits").response_limit(100);
    let server = server(layer, |_| async { pieces("text/plain", 10, Then::End) }).await;
    let first = server.ask("\"a\"").await.bytes().await.unwrap();
    let second = server.ask("\"a\"").await;
    assert!(is_replay(&second));
    assert_eq!(second.bytes().await.unwrap(), first);
}

/// It begins at once, although it does not end.
#[tokio::test]
async fn a_stream_of_events_passes() {
    for (name, kind) in [
        ("events", "text/event-stream; charset=utf-8"),
        ("pictures", "Multipart/X-Mixed-Replace"),
        ("calls", "application/grpc+proto"),
        ("lines", "application/x-ndjson"),
        ("lines again", "application/jsonl; charset=utf-8"),
    ] {
        let server = server(everybody(name), move |_| async move { pieces(kind, 1, Then::Wait) }).await;
        let mut stream = soon(server.ask("\"a\"")).await;
        assert_eq!(stream.chunk().await.unwrap().unwrap(), "0123456789");
        assert_eq!(problem(server.ask("\"a\"").await).await, (410, "result-not-kept".to_owned()));
        assert_eq!(server.runs.count(), 1);
    }
}

/// It has been made already, so nobody waits for it.
#[tokio::test]
async fn a_stream_of_known_length_is_kept() {
    let lines = || ([("content-type", "application/x-ndjson")], "{}\n{}\n").into_response();
    let server = server(everybody("of known length"), move |_| async move { lines() }).await;
    assert_eq!(server.ask("\"a\"").await.text().await.unwrap(), "{}\n{}\n");
    let again = server.ask("\"a\"").await;
    assert!(is_replay(&again));
    assert_eq!(again.text().await.unwrap(), "{}\n{}\n");
}

#[tokio::test]
async fn a_request_that_stands_still_is_answered() {
    let layer = everybody("stands still").request_time(Duration::from_millis(50));
    let server = server(layer, |_| async { "done".into_response() }).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: \"a\"\r\ncontent-length: 3\r\n";
    let status = soon(raw(&server, format!("{head}\r\n25").as_bytes())).await;
    assert!(status.contains("408"), "{status}");
    let hurried = format!("{head}request-timeout-ms: 10\r\n\r\n25");
    let status = soon(raw(&server, hurried.as_bytes())).await;
    assert!(status.contains("504"), "{status}");
    assert_eq!(server.runs.count(), 0);
    assert!(raw(&server, format!("{head}\r\n250").as_bytes()).await.contains("200"));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_no_result() {
    let server = server(everybody("breaks off"), |run| async move {
        pieces("text/plain", 1, if run == 1 { Then::Fail } else { Then::End })
    })
    .await;
    assert_eq!(problem(server.ask("\"a\"").await).await, (500, "response-broken".to_owned()));
    assert_eq!(server.ask("\"a\"").await.text().await.unwrap(), "0123456789");
    assert!(is_replay(&server.ask("\"a\"").await));
}
