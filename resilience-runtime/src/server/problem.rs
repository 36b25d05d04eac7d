//! Answers that say what went wrong: `application/problem+json`, as RFC 9457 has it.

use std::borrow::Cow;
use std::time::Duration;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::event::reject;
use crate::propagation::{self, HeaderError, Protocol};
use crate::{Error, Kind, Site};

/// What the type of each problem begins with. It is a name and leads nowhere: clients compare it, so it must outlast any
/// place where the page is read.
const TYPE: &str = "urn:resilience:problem:";

/// How soon a duplicate of a running request comes again. What its error says is the end of a lease that is renewed, and
/// so the latest moment; most requests take less than this.
const SOON: Duration = Duration::from_secs(1);

/// What went wrong with one request.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The end of its type, and its place on the page.
    name: &'static str,
    title: Cow<'static, str>,
    /// What it means for the client.
    detail: Cow<'static, str>,
}

#[derive(Serialize)]
struct Json<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    fn new(
        status: StatusCode,
        name: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { status, name, title: Cow::Borrowed(title), detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let json = Json {
            r#type: format!("{TYPE}{}", self.name),
            title: &self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let mut response = Response::new(Body::from(serde_json::to_vec(&json).unwrap_or_default()));
        *response.status_mut() = self.status;
        let json = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    }
}

pub(super) fn missing_key() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "missing-key",
        "the header idempotency-key is missing",
        "This request needs an Idempotency-Key: a text in double quotes that is new for every operation and the same for \
         every repetition of it, such as a UUID.",
    )
}

pub(super) fn too_long(limit: usize) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "body-too-long",
        "the body of the request is too long",
        format!("A request with an Idempotency-Key is read to its end before it runs, up to {limit} bytes."),
    )
}

pub(super) fn too_slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "body-too-slow",
        "the body of the request takes too long",
        "Nothing was run. Send the request again, with the same Idempotency-Key.",
    )
}

/// Nobody knows whose key it is, so nobody may be given what is kept under it.
pub(super) fn without_scope(site: &'static Site, why: String) -> Response {
    let error = reject(Kind::InvalidKey, site).because(why);
    tell(&error);
    error.into_response()
}

pub(super) fn broken_request() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "body-broken",
        "the body of the request broke off",
        "Nothing was run. Send the request again, with the same Idempotency-Key.",
    )
}

pub(super) fn broken_response() -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "response-broken",
        "the body of the response broke off",
        "The request may have taken effect. Send it again, with the same Idempotency-Key.",
    )
}

pub(super) fn shutting_down() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "shutting-down",
        "the server is shutting down",
        "The request may have taken effect. Send it again, with the same Idempotency-Key.",
    )
}

/// Of a header that makes no sense: 400, and 504 where no time is left.
impl IntoResponse for HeaderError {
    fn into_response(self) -> Response {
        match self.problem() {
            propagation::Problem::NoTimeLeft => of(Kind::DeadlineExceeded).into_response(),
            _ => Problem::new(
                StatusCode::BAD_REQUEST,
                "bad-header",
                "a header of the request is not usable",
                format!("Nothing was run: {self}."),
            )
            .into_response(),
        }
    }
}

/// The status of each kind, its place on the page, and what it means for the client.
#[rustfmt::skip] // a table
fn of(kind: Kind) -> Problem {
    let (status, name, detail) = match kind {
        Kind::Timeout => (504, "timeout", "The request may have taken effect. Repeat it only with the same Idempotency-Key."),
        Kind::DeadlineExceeded => (504, "deadline-exceeded", "No time is left to answer this request."),
        Kind::CircuitOpen => (503, "circuit-open", "Something that this request needs does not work at the moment."),
        Kind::BulkheadFull => (503, "bulkhead-full", "The server has too much to do at the moment."),
        Kind::RateLimited => (429, "rate-limited", "There have been too many requests of this kind."),
        Kind::BudgetExhausted => (503, "budget-exhausted", "Something that this request needs fails too often at the moment."),
        Kind::InProgress => (409, "in-progress", "An earlier request with this Idempotency-Key is still at work. Come again for its response."),
        Kind::KeyReused => (422, "key-reused", "This Idempotency-Key was used for another request. Take a new one for every operation."),
        Kind::OutcomeUnknown => (409, "outcome-unknown", "An earlier request with this Idempotency-Key was interrupted, and somebody has to find out whether it took effect."),
        Kind::ResultNotKept => (410, "result-not-kept", "An earlier request with this Idempotency-Key succeeded, but its response could not be kept."),
        Kind::LeaseLost => (409, "lease-lost", "Another request with this Idempotency-Key has taken over. Come again for its response."),
        Kind::Conflict => (409, "conflict", "Another request was in the way, and this one has changed nothing. Send it again."),
        Kind::Held => (409, "held", "Somebody else is at work on this. Come again later."),
        Kind::InvalidKey => (400, "invalid-key", "The Idempotency-Key, or whose it is, cannot be told from this request."),
        Kind::Store => (503, "store", "The server cannot find out whether this request has run before, so it does not run it."),
        Kind::NameClash => (500, "name-clash", "The server is not set up for this request: two of its operations have one name."),
        Kind::Injected => (503, "injected", "The server fails on purpose, to see what happens."),
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Problem { status, name, title: Cow::Owned(kind.to_string()), detail: Cow::Borrowed(detail) }
}

/// Tells whoever runs the server what stood behind a rejection: its response does not, and nobody else sees it.
fn tell(error: &Error) {
    if let Some(source) = std::error::Error::source(error) {
        let (site, kind) = (error.site(), error.kind());
        tracing::warn!(target: "resilience", event = "answered", site, kind = ?kind, error = %source);
    }
}

/// The rejection as its client sees it: neither where it happened nor what stood behind it. The response carries the error
/// in its extensions, for the layers around.
impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let kind = self.kind();
        if kind == Kind::Store {
            tell(&self);
        }
        let mut response = of(kind).into_response();
        let headers = response.headers_mut();
        let wait = match kind {
            Kind::InProgress | Kind::LeaseLost => {
                Some(self.retry_after().map_or(SOON, |left| left.min(SOON)))
            }
            _ => self.retry_after(),
        };
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(propagation::whole_seconds(wait)));
        }
        if kind == Kind::OutcomeUnknown {
            // A client that repeats every 409 would do so until an operator has decided.
            Protocol::Http.advise_against(headers);
        }
        response.extensions_mut().insert(self);
        response
    }
}
