//! What a handler answers: what of it is kept, and how.

use std::borrow::Cow;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, DATE, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE,
    TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

use super::octets::Octets;
use super::{patience, problem, request};
use crate::{Class, Error, Failure};

/// A response that says how the operation ended.
pub(super) enum Answer {
    /// As it is kept.
    Whole { head: response::Parts, body: Bytes },
    /// Too long to be kept, or without an end in sight: it goes out as it comes.
    Passing(Response),
}

/// What is no result of the operation.
pub(super) enum Unkept<E> {
    /// A response that says that it failed, or that it did not begin.
    Response(Response),
    /// The service itself failed.
    Service(E),
    /// The ledger did not let it run.
    Rejection(Error),
}

/// Said by a handler that did nothing: the client comes again, with the same key.
const COME_AGAIN: [StatusCode; 5] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::MISDIRECTED_REQUEST,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// What the service said. A body that fits, and comes in time, is read to its end.
pub(super) async fn of<E>(
    answer: Result<Response, E>,
    limit: usize,
    time: Duration,
) -> Result<Answer, Unkept<E>> {
    let response = answer.map_err(Unkept::Service)?;
    let status = response.status();
    let rejected = response.extensions().get::<Error>().is_some();
    if rejected || status.is_server_error() || COME_AGAIN.contains(&status) {
        return Err(Unkept::Response(response));
    }
    if status.is_informational() || is_stream(&response) {
        return Ok(Answer::Passing(response));
    }
    let (head, mut body) = response.into_parts();
    let mut read = Read::default();
    match patience::within(|| patience::after(time), read.fill(&mut body, limit)).await {
        Some(End::Whole) => Ok(Answer::Whole { head, body: read.bytes.freeze() }),
        Some(End::Broken) => Err(Unkept::Response(problem::broken_response().into_response())),
        Some(End::Unkeepable) | None => {
            Ok(Answer::Passing(Response::from_parts(head, Body::new(Rejoined { read, rest: body }))))
        }
    }
}

/// What comes piece by piece, each for its own sake.
const STREAMS: [&str; 6] = [
    "application/json-seq",
    "application/jsonl",
    "application/ndjson",
    "application/x-ndjson",
    "multipart/x-mixed-replace",
    "text/event-stream",
];

/// Whoever waits for the end of such a body before its head is sent may send nothing. One whose length is known has been
/// made already.
fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = kind.and_then(|value| value.split(';').next()).unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let is_kind = STREAMS.contains(&&*kind) || kind.starts_with("application/grpc");
    is_kind && http_body::Body::size_hint(response.body()).exact().is_none()
}

/// What was read of a body that is passed on after all.
#[derive(Default)]
struct Read {
    bytes: BytesMut,
    trailers: Option<Frame<Bytes>>,
}

/// How the reading of a body ended.
enum End {
    Whole,
    Broken,
    /// It is too long, or has trailers.
    Unkeepable,
}

impl Read {
    /// Reads on. Whoever drops it loses nothing of what was read.
    async fn fill(&mut self, body: &mut Body, limit: usize) -> End {
        while self.bytes.len().saturating_add(request::least(body)) <= limit {
            match body.frame().await {
                None => return End::Whole,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.bytes.extend_from_slice(&data),
                    Err(trailers) => {
                        self.trailers = Some(trailers);
                        break;
                    }
                },
                Some(Err(_)) => return End::Broken,
            }
        }
        End::Unkeepable
    }
}

/// The body as it was, the part that was read first.
struct Rejoined {
    read: Read,
    rest: Body,
}

impl http_body::Body for Rejoined {
    type Data = Bytes;
    type Error = axum_core::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if !self.read.bytes.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(self.read.bytes.split().freeze()))));
        }
        match self.read.trailers.take() {
            Some(trailers) => Poll::Ready(Some(Ok(trailers))),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.read.bytes.is_empty() && self.read.trailers.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.read.bytes.len() as u64;
        let rest = self.rest.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower() + read);
        if let Some(upper) = rest.upper() {
            hint.set_upper(upper + read);
        }
        hint
    }
}

impl Answer {
    pub(super) fn into_response(self) -> Response {
        match self {
            Self::Whole { head, body } => Response::from_parts(head, Body::from(body)),
            Self::Passing(response) => response,
        }
    }

    /// It is that of an earlier request.
    pub(super) fn replayed(mut self) -> Self {
        let head = match &mut self {
            Self::Whole { head, .. } => &mut head.headers,
            Self::Passing(response) => response.headers_mut(),
        };
        head.insert(HeaderName::from_static("idempotent-replayed"), HeaderValue::from_static("true"));
        self
    }
}

impl<E> Unkept<E> {
    pub(super) fn into_result(self) -> Result<Response, E> {
        match self {
            Self::Response(response) => Ok(response),
            Self::Service(error) => Err(error),
            Self::Rejection(error) => Ok(error.into_response()),
        }
    }
}

impl<E> From<Error> for Unkept<E> {
    fn from(error: Error) -> Self {
        Self::Rejection(error)
    }
}

#[diagnostic::do_not_recommend]
impl<E> Failure for Unkept<E> {
    fn class(&self) -> Class {
        Class::Transient
    }

    fn may_have_run(&self) -> bool {
        !matches!(self, Self::Response(response) if COME_AGAIN.contains(&response.status()))
    }

    /// A rejection that the handler turned into its response still says whether it may have run.
    fn rejection(&self) -> Option<&Error> {
        match self {
            Self::Response(response) => response.extensions().get(),
            Self::Service(_) => None,
            Self::Rejection(error) => Some(error),
        }
    }
}

/// Headers of one connection and of one moment, and cookies, which are for one client and a secret.
const NOT_KEPT: [HeaderName; 11] = [
    CONNECTION,
    CONTENT_LENGTH,
    DATE,
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Whether a header is kept: `Connection` can name more that are not.
fn is_kept(name: &HeaderName, all: &HeaderMap) -> bool {
    let mut named = all.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    !NOT_KEPT.contains(name)
        && !named.any(|names| names.split(',').any(|other| other.trim().eq_ignore_ascii_case(name.as_str())))
}

/// A response as a ledger keeps it.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    status: u16,
    headers: Vec<(Cow<'a, str>, Octets<'a>)>,
    body: Octets<'a>,
}

impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self::Whole { head, body } = self else {
            return Err(ser::Error::custom("a body that is too long to be kept, or a stream"));
        };
        let kept = head.headers.iter().filter(|(name, _)| is_kept(name, &head.headers));
        let headers =
            kept.map(|(name, value)| (name.as_str().into(), Octets::of(value.as_bytes()))).collect();
        Kept { status: head.status.as_u16(), headers, body: Octets::of(body) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Answer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn unknown<E: de::Error>(what: &str) -> E {
            E::custom(format!("the {what} of a kept response is not readable"))
        }
        // The words of serde repeat what they have found.
        let kept = Kept::deserialize(deserializer).map_err(|_| unknown("form"))?;
        let (mut head, ()) = http::Response::new(()).into_parts();
        head.status = StatusCode::from_u16(kept.status).map_err(|_| unknown("status"))?;
        for (name, value) in kept.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unknown("headers"))?;
            let value =
                value.into_bytes().and_then(|value| HeaderValue::from_maybe_shared(Bytes::from(value)).ok());
            head.headers.append(name, value.ok_or_else(|| unknown("headers"))?);
        }
        let body = kept.body.into_bytes().ok_or_else(|| unknown("body"))?.into();
        Ok(Self::Whole { head, body })
    }
}
