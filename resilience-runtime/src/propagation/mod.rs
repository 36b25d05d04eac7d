//! What a call hands on over the network, and what comes back: headers of HTTP, metadata of gRPC.
//! (Its page, `docs/propagation.md`, is the rustdoc of the facade's module.)

mod error;
mod key;
mod received;
mod retry_after;
#[cfg(feature = "reqwest")]
mod send;
#[cfg(feature = "reqwest")]
mod status;
#[cfg(test)]
mod tests;
mod time_left;

use std::time::Duration;

use http::{HeaderMap, HeaderValue};

pub use error::{HeaderError, Problem};
pub use received::{Handling, Received, RetryAdvice};
#[cfg(feature = "axum")]
pub(crate) use retry_after::whole_seconds;
#[cfg(feature = "reqwest")]
pub use send::SendInContext;
#[cfg(feature = "reqwest")]
pub use status::{CheckStatus, StatusError};

use crate::context;
use crate::key::IdempotencyKey;
use crate::site::Site;
use crate::time;

/// How a request travels: the names of its headers, and the format of the time left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Headers of HTTP.
    Http,
    /// Metadata of gRPC, which are headers of HTTP too.
    Grpc,
}

/// The same in both.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Stands for a retry that has given up in another process.
static CALLEE: Site = Site::without_function("a callee over the network");

/// What a request says of the call that sends it.
#[derive(Debug)]
struct Said {
    key: Option<IdempotencyKey>,
    left: Option<Duration>,
    attempt: u32,
}

impl Protocol {
    /// The client, before it sends: puts the idempotency key, the time left and the attempt of the call that runs now
    /// into the headers of a request. What the call does not have is not written; a header that is already there stays.
    ///
    /// Do so in the body, for the request of this attempt, shortly before it is sent: the time counts from here.
    pub fn inject(self, headers: &mut HeaderMap) {
        let left = context::deadline().map(|at| at.saturating_duration_since(time::now()));
        let said = Said { key: context::idempotency_key(), left, attempt: context::attempt() };
        self.write(&said, headers);
    }

    fn write(self, said: &Said, headers: &mut HeaderMap) {
        let mut put = |name: &'static str, text: String| {
            headers.entry(name).or_insert_with(|| HeaderValue::try_from(text).expect("digits and quotes"));
        };
        if let Some(key) = &said.key {
            put(IDEMPOTENCY_KEY, format!("\"{key}\""));
        }
        if let Some(left) = said.left {
            put(self.time_left(), time_left::text(self, left));
        }
        if said.attempt > 1 {
            put(self.attempt(), (said.attempt - 1 + self.first_attempt()).to_string());
        }
    }

    /// The client, after a failure: heeds what the headers of the response say about repeating. Where a retry of the
    /// callee has given up, no retry around this call repeats, unless it says `nested = repeat`.
    ///
    /// For a response that is a failure: of a success there is nothing to repeat.
    pub fn heed(self, headers: &HeaderMap) {
        if self.says_stop(headers) {
            context::with(|context| {
                context.exhaust(&CALLEE);
                context.gave_up = true;
            });
        }
    }

    fn says_stop(self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(self.advice().0).iter().map(HeaderValue::as_bytes);
        match self {
            Self::Http => values.any(|value| value == b"false"),
            // gRPC: a number is a wait, and all else means that the call is not to be repeated.
            Self::Grpc => values.any(|value| value.is_empty() || !value.iter().all(u8::is_ascii_digit)),
        }
    }

    /// The server: reads the headers of a request. A header that is not there is `None`; one that makes no sense is an
    /// error, because a key or a deadline must not get lost without anybody noticing. The time left counts from here.
    pub fn extract(self, headers: &HeaderMap) -> Result<Received, HeaderError> {
        let key = single(headers, IDEMPOTENCY_KEY, key::parse)?;
        let left = single(headers, self.time_left(), |value| time_left::parse(self, value))?;
        let attempt = single(headers, self.attempt(), |value| self.parse_attempt(value))?;
        Ok(Received::new(self, key, left, attempt))
    }

    fn parse_attempt(self, value: &[u8]) -> Result<u32, Problem> {
        let count = whole(value, 9).and_then(|count| u32::try_from(count).ok());
        let after_first = count.and_then(|count| count.checked_sub(self.first_attempt()));
        after_first.map(|repeats| repeats + 1).ok_or(Problem::Malformed(match self {
            Self::Http => "a whole number of at most 9 digits, and 1 for the first",
            Self::Grpc => "a whole number of at most 9 digits",
        }))
    }

    /// The name of the header with the time left.
    const fn time_left(self) -> &'static str {
        match self {
            Self::Http => "request-timeout-ms",
            Self::Grpc => "grpc-timeout",
        }
    }

    /// The name of the header that counts attempts.
    const fn attempt(self) -> &'static str {
        match self {
            Self::Http => "request-attempt",
            Self::Grpc => "grpc-previous-rpc-attempts",
        }
    }

    /// What that header says of a first attempt.
    const fn first_attempt(self) -> u32 {
        match self {
            Self::Http => 1,
            Self::Grpc => 0,
        }
    }

    /// Tells a client not to repeat.
    pub(crate) fn advise_against(self, headers: &mut HeaderMap) {
        let (header, value) = self.advice();
        headers.entry(header).or_insert(value);
    }

    /// The header that tells a client not to repeat.
    const fn advice(self) -> (&'static str, HeaderValue) {
        match self {
            Self::Http => ("x-should-retry", HeaderValue::from_static("false")),
            Self::Grpc => ("grpc-retry-pushback-ms", HeaderValue::from_static("-1")),
        }
    }
}

/// The value of a header that comes at most once.
fn single<T>(
    headers: &HeaderMap,
    header: &'static str,
    parse: impl FnOnce(&[u8]) -> Result<T, Problem>,
) -> Result<Option<T>, HeaderError> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let refuse = |problem, value: &HeaderValue| HeaderError::new(header, problem, value.clone());
    if let Some(second) = values.next() {
        return Err(refuse(Problem::Repeated, second));
    }
    parse(value.as_bytes()).map(Some).map_err(|problem| refuse(problem, value))
}

/// A whole number, written in so many digits at most.
fn whole(digits: &[u8], most: usize) -> Option<u64> {
    let plausible = (1..=most).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plausible.then(|| digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}
