//! What is kept, and what comes back.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue};
use resilience::{Error, bulkhead, idempotent, timeout};

use crate::{everybody, header, is_replay, server};

fn response(status: u16, body: impl Into<Body>) -> Response {
    Response::builder().status(status).body(body.into()).expect("a response")
}

/// Headers that the server adds to each response anew.
fn own(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    headers.remove("date");
    headers.remove("idempotent-replayed");
    headers
}

#[tokio::test]
async fn status_headers_and_body_come_back_as_they_were() {
    let bodies: [&'static [u8]; 6] = [
        b"",
        b"{\"ok\":true}",
        "\u{0}\u{7}\u{1b} d\u{e9}j\u{e0}".as_bytes(),
        &[0xff, 0xfe, 0, 1],
        b"\r\n\"\\",
        &[0; 999],
    ];
    let server = server(everybody("as they were"), move |run| async move {
        let mut response = response([200, 201, 302, 404, 422, 418][run - 1], bodies[run - 1]);
        let headers = response.headers_mut();
        headers.append("x-many", HeaderValue::from_static("one"));
        headers.append("x-many", HeaderValue::from_static("two"));
        headers.insert("x-opaque", HeaderValue::from_bytes(b"d\xe9j\xe0").expect("allowed"));
        headers.insert("location", HeaderValue::from_static("/charges/7"));
        response
    })
    .await;
    for (index, body) in bodies.into_iter().enumerate() {
        let key = format!("\"{index}\"");
        let send = || crate::answer(server.post("/charges", &key).body("250"));
        let (first, second) = (send().await, send().await);
        assert!(!is_replay(&first) && is_replay(&second));
        assert_eq!(first.status(), second.status());
        assert_eq!(own(first.headers()), own(second.headers()));
        assert_eq!(second.headers().get_all("x-many").iter().count(), 2);
        assert_eq!((first.bytes().await.unwrap(), second.bytes().await.unwrap()), (body.into(), body.into()));
    }
    assert_eq!(server.runs.count(), 6);
}

#[tokio::test]
async fn what_is_for_one_client_or_one_connection_is_not_kept() {
    let server = server(everybody("not kept"), |_| async {
        let mut response = response(200, "done");
        for (name, value) in [
            ("set-cookie", "session=secret"),
            ("connection", "x-hop, close"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authenticate", "Basic"),
            ("date", "Tue, 15 Nov 1994 08:12:31 GMT"),
            ("x-kept", "1"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    })
    .await;
    let first = server.ask("\"a\"").await;
    assert_eq!(header(&first, "set-cookie"), Some("session=secret"));
    let second = server.ask("\"a\"").await;
    assert!(is_replay(&second));
    for name in ["set-cookie", "x-hop", "keep-alive", "proxy-authenticate", "connection"] {
        assert_eq!(header(&second, name), None, "{name}");
    }
    assert_ne!(header(&second, "date"), header(&first, "date"));
    assert_eq!((header(&second, "x-kept"), header(&second, "content-length")), (Some("1"), Some("4")));
}

#[tokio::test]
async fn a_failure_of_the_server_is_no_result() {
    for (index, status) in [500, 502, 503, 504, 401, 408, 421, 425, 429].into_iter().enumerate() {
        let name = ["a", "b", "c", "d", "e", "f", "g", "h", "i"][index];
        let server = server(everybody(name), move |run| async move {
            response(if run == 1 { status } else { 200 }, run.to_string())
        })
        .await;
        let first = server.ask("\"a\"").await;
        assert_eq!(first.status(), status);
        let second = server.ask("\"a\"").await;
        assert_eq!((second.status().as_u16(), is_replay(&second)), (200, false));
        assert!(is_replay(&server.ask("\"a\"").await));
        assert_eq!(server.runs.count(), 2);
    }
}

#[tokio::test]
async fn under_at_most_once_only_what_did_not_begin_runs_again() {
    for (name, status, word) in
        [("1", 429, "429"), ("2", 401, "401"), ("3", 500, "outcome-unknown"), ("4", 403, "403")]
    {
        let layer = everybody(name).at_most_once();
        let server = server(layer, move |_| async move { response(status, "") }).await;
        assert_eq!(server.ask("\"a\"").await.status(), status);
        let second = server.ask("\"a\"").await;
        if word == "outcome-unknown" {
            assert_eq!(header(&second, "x-should-retry"), Some("false"));
            assert_eq!(header(&second, "retry-after"), None);
            assert_eq!(crate::problem(second).await, (409, word.to_owned()));
        } else {
            assert_eq!(second.status(), status);
        }
        assert_eq!(server.runs.count(), if status == 403 || status == 500 { 1 } else { 2 });
    }
}

/// A rejection that the handler made its response of is none of its results, whatever its status.
#[tokio::test]
async fn a_rejection_in_the_handler_is_no_result() {
    #[timeout(ms = 1)]
    async fn slow() -> Result<(), Error> {
        std::future::pending().await
    }
    #[bulkhead(max = 1)]
    async fn held(inside: usize) -> Result<(), Error> {
        if inside == 0 { Ok(()) } else { Box::pin(held(inside - 1)).await }
    }
    #[idempotent(key = key)]
    async fn keyed(key: &str) -> Result<(), Error> {
        Ok(())
    }
    for (name, status) in [("slow", 504), ("held", 503), ("keyed", 400)] {
        let server = server(everybody(name), move |run| async move {
            let done = match (run, name) {
                (1, "slow") => slow().await,
                (1, "held") => held(1).await,
                (1, _) => keyed("").await,
                _ => Ok(()),
            };
            done.into_response()
        })
        .await;
        assert_eq!(server.ask("\"a\"").await.status(), status);
        assert_eq!(server.ask("\"a\"").await.status(), 200);
        assert_eq!(server.runs.count(), 2);
    }
}
