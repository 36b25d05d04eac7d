//! Bodies that come slowly, in paused time and without a network.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use hyper::body::{Bytes, Frame};
use resilience::server::IdempotencyLayer;
use tokio::time::{Instant, Interval, interval_at};
use tower_service::Service;

use crate::support::events;
use crate::{Runs, everybody};

const SECOND: Duration = Duration::from_secs(1);

/// A line at a time, and nobody knows how many there will be.
struct Trickle {
    pauses: Interval,
    left: usize,
}

pub(crate) fn trickle(pause: Duration, lines: usize) -> Body {
    Body::new(Trickle { pauses: interval_at(Instant::now() + pause, pause), left: lines })
}

impl hyper::body::Body for Trickle {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.pauses.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{}\n")))))
    }
}

/// A server whose responses come so slowly, and how often it has run.
fn trickling(layer: IdempotencyLayer, kind: &'static str, pause: Duration, lines: usize) -> (Router, Runs) {
    crate::runtime();
    let runs = Runs::default();
    let counted = runs.clone();
    let handler = async move || {
        counted.one_more();
        ([("content-type", kind)], trickle(pause, lines)).into_response()
    };
    (Router::new().route("/", post(handler)).layer(layer), runs)
}

async fn ask(app: &Router, body: Body, left: Option<u64>) -> Response {
    let mut request = http::Request::post("/").header("idempotency-key", "\"a\"");
    if let Some(left) = left {
        request = request.header("request-timeout-ms", left);
    }
    app.clone().call(request.body(body).expect("a request")).await.expect("a router answers")
}

/// The status, and what the problem is called.
async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 9_999).await.expect("a body");
    let json: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    let kind = json["type"].as_str().and_then(|kind| kind.rsplit(':').next()).expect("a type");
    (status, kind.to_owned())
}

async fn lines(response: Response) -> usize {
    let body = axum::body::to_bytes(response.into_body(), 9_999).await.expect("a body");
    assert!(body.chunks(3).all(|line| line == b"{}\n"));
    body.len() / 3
}

/// Its head does not wait for its end.
#[tokio::test(start_paused = true)]
async fn a_streamed_response_goes_out_as_it_comes() {
    for (name, kind, waited) in
        [("as lines", "application/x-ndjson", Duration::ZERO), ("as text", "text/plain", SECOND)]
    {
        let (app, runs) = trickling(everybody(name), kind, SECOND * 2, 25);
        events::record();
        let start = Instant::now();
        let response = ask(&app, Body::empty(), None).await;
        assert_eq!(start.elapsed(), waited);
        assert!(
            events::take().iter().any(|event| event.starts_with("not_kept it cannot be written")),
            "whoever runs the server learns of it"
        );
        assert_eq!(lines(response).await, 25);
        assert_eq!(start.elapsed(), SECOND * 50);
        let again = ask(&app, Body::empty(), None).await;
        assert_eq!(problem(again).await, (410, "result-not-kept".to_owned()));
        assert_eq!(runs.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_of_a_response_that_becomes_too_slow() {
    let layer = everybody("too slow").response_time(SECOND * 5 / 2);
    let (app, _) = trickling(layer, "text/plain", SECOND, 9);
    let start = Instant::now();
    let response = ask(&app, Body::empty(), None).await;
    assert_eq!(start.elapsed(), SECOND * 5 / 2);
    assert_eq!(lines(response).await, 9);
}

#[tokio::test(start_paused = true)]
async fn a_response_that_comes_in_time_is_kept() {
    for (name, time) in [("in time", SECOND * 4), ("whenever", Duration::MAX)] {
        let (app, runs) = trickling(everybody(name).response_time(time), "text/plain", SECOND, 3);
        for _ in 0..2 {
            assert_eq!(lines(ask(&app, Body::empty(), None).await).await, 3);
        }
        assert_eq!(runs.count(), 1);
    }
}

/// It ends with its client, and with the patience of the layer: also where a piece comes now and then.
#[tokio::test(start_paused = true)]
async fn a_request_that_is_too_slow_does_not_run() {
    let late = (504, "deadline-exceeded");
    let slow = (408, "body-too-slow");
    for (name, time, left, waited, end) in [
        ("the default", None, None, SECOND * 30, slow),
        ("the client", None, Some(2_500), SECOND * 5 / 2, late),
        ("both", Some(SECOND * 2), Some(2_000), SECOND * 2, late),
        ("the layer", Some(SECOND * 2), Some(2_500), SECOND * 2, slow),
        ("the layer alone", Some(SECOND * 2), None, SECOND * 2, slow),
        ("ever", Some(Duration::MAX), Some(40_000), SECOND * 40, late),
    ] {
        let layer = everybody(name);
        let layer = if let Some(time) = time { layer.request_time(time) } else { layer };
        let (app, runs) = trickling(layer, "text/plain", Duration::from_millis(1), 1);
        for pause in [Duration::from_millis(300), SECOND * 3_600] {
            let start = Instant::now();
            let response = ask(&app, trickle(pause, 999), left).await;
            assert_eq!(start.elapsed(), waited, "{name}");
            assert_eq!(problem(response).await, (end.0, end.1.to_owned()), "{name}");
        }
        assert_eq!(runs.count(), 0);
        // Nothing was claimed.
        assert_eq!(ask(&app, trickle(Duration::from_millis(300), 5), left).await.status(), 200, "{name}");
    }
}

#[test]
#[should_panic(expected = "a `request_time` of zero lets no body arrive")]
fn no_time_for_a_request_makes_no_sense() {
    let _ = everybody("no time").request_time(Duration::ZERO);
}
