//! How a response is kept, without a network and without a ledger.

use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;

use super::answer::{self, Answer};
use super::octets::Octets;
use super::request;

const SECOND: Duration = Duration::from_secs(1);

fn now<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// What the ledger would give back.
fn kept_and_read(response: Response) -> Result<Response, serde_json::Error> {
    let answer = now(answer::of::<()>(Ok(response), 1 << 20, SECOND)).unwrap_or_else(|_| panic!("a result"));
    let json = serde_json::to_string(&answer)?;
    Ok(serde_json::from_str::<Answer>(&json)?.into_response())
}

fn as_json(bytes: &[u8]) -> String {
    serde_json::to_string(&Octets::of(bytes)).expect("text")
}

#[test]
fn bytes_are_text_where_that_is_shorter() {
    assert_eq!(as_json(b""), r#"{"text":""}"#);
    assert_eq!(as_json("d\u{e9}j\u{e0}\n".as_bytes()), "{\"text\":\"d\u{e9}j\u{e0}\\n\"}");
    assert_eq!(as_json(&[0xff]), r#"{"base64":"/w=="}"#);
    assert_eq!(as_json(&[0; 6]), r#"{"base64":"AAAAAAAA"}"#);
}

/// What is in the ledgers of users must stay readable.
#[test]
fn the_form_of_a_kept_response_is_pinned() {
    let mut response = Response::new(Body::from("{}"));
    *response.status_mut() = StatusCode::CREATED;
    response.headers_mut().insert("location", HeaderValue::from_static("/7"));
    let answer = now(answer::of::<()>(Ok(response), 9, SECOND)).unwrap_or_else(|_| panic!("a result"));
    let json = r#"{"status":201,"headers":[["location",{"text":"/7"}]],"body":{"text":"{}"}}"#;
    assert_eq!(serde_json::to_string(&answer).expect("kept"), json);
}

/// It is told what cannot be read, and nothing of what is there.
#[test]
fn what_nobody_has_written_is_refused() {
    for (bad, what) in [
        (r#"{"status":4711,"headers":[],"body":{"text":""}}"#, "status"),
        (r#"{"status":200,"headers":[["4711 ",{"text":""}]],"body":{"text":""}}"#, "headers"),
        (r#"{"status":200,"headers":[["a",{"text":"4711\n"}]],"body":{"text":""}}"#, "headers"),
        (r#"{"status":200,"headers":[],"body":{"base64":"4711?"}}"#, "body"),
        (r#"{"status":200,"headers":[],"body":{"4711":""}}"#, "form"),
        (r#"{"status":"4711","headers":[],"body":{"text":""}}"#, "form"),
        (r#"{"status":200,"headers":[]}"#, "form"),
        (r#""4711, a result of a function""#, "form"),
    ] {
        let Err(error) = serde_json::from_str::<Answer>(bad) else { panic!("{bad} is read") };
        let text = format!("{error} {error:?}");
        assert!(text.starts_with(&format!("the {what} of a kept response is not readable")), "{text}");
        assert!(!text.contains("4711"), "{text}");
    }
}

#[test]
fn parts_of_a_request_do_not_run_together() {
    let of = |method: &str, target: &str, kind: &str, body: &[u8]| {
        let request = Request::builder().method(method).uri(target).header("content-type", kind);
        request::fingerprint(&request.body(()).expect("a request").into_parts().0, body)
    };
    assert_eq!(
        of("POST", "/a", "b", b"c"),
        of("POST", "http://host/a", "b", b"c"),
        "however it is addressed"
    );
    assert_ne!(of("POST", "/a", "b", b"c"), of("POST", "/a", "bc", b""));
    assert_ne!(of("POST", "/a", "b", b"c"), of("POST", "/ab", "", b"c"));
}

/// A body passed on is the one that came, its trailers too.
#[test]
fn a_body_with_trailers_passes_whole() {
    let trailers = HeaderMap::from_iter([(HeaderName::from_static("sum"), HeaderValue::from_static("7"))]);
    let with = trailers.clone();
    let body = Full::from("some").with_trailers(async move { Some(Ok(with)) });
    let answer = now(answer::of::<()>(Ok(Response::new(Body::new(body))), 99, SECOND));
    let answer = answer.unwrap_or_else(|_| panic!("a result"));
    assert!(serde_json::to_string(&answer).is_err(), "JSON has no place for it");
    let read = now(answer.into_response().into_body().collect()).expect("whole");
    assert_eq!(read.trailers(), Some(&trailers));
    assert_eq!(read.to_bytes(), "some");
}

proptest! {
    #[test]
    fn a_response_comes_back_byte_for_byte(
        status in 200u16..500,
        headers in proptest::collection::vec(("x-[a-z]{1,8}", "[ -~\u{80}-\u{ff}]{0,20}"), 0..6),
        body in prop_oneof![
            any::<Vec<u8>>(),
            any::<String>().prop_map(String::into_bytes),
            "[\"\\\\\n\r\t \u{0}\u{8}\u{7f}\u{2028}]{0,50}".prop_map(String::into_bytes),
        ],
    ) {
        prop_assume!(![401, 408, 421, 425, 429].contains(&status));
        let mut response = Response::new(Body::from(body.clone()));
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        for (name, value) in &headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
            // As bytes, which need not be UTF-8.
            let value: Vec<u8> = value.chars().map(|letter| letter as u8).collect();
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                response.headers_mut().append(name, value);
            }
        }
        let (code, sent) = (response.status(), response.headers().clone());
        let back = kept_and_read(response).expect("kept");
        prop_assert_eq!((back.status(), back.headers()), (code, &sent));
        prop_assert_eq!(now(back.into_body().collect()).expect("whole").to_bytes(), body);
    }

    #[test]
    fn no_bytes_take_much_more_than_their_place(bytes in prop_oneof![
        any::<Vec<u8>>(),
        "[\u{0}-\u{20}\"\\\\]{0,200}".prop_map(String::into_bytes),
    ]) {
        let most = bytes.len().div_ceil(3) * 4 + r#"{"base64":""}"#.len();
        prop_assert!(as_json(&bytes).len() <= most);
    }
}
