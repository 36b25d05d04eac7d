//! A response of reqwest whose status is an error, with the pause that it asks for.

use std::fmt;
use std::time::Duration;

use reqwest::{Response, StatusCode};

use super::Protocol::Http;
use crate::{Class, Failure};

mod sealed {
    pub trait Sealed {}

    impl Sealed for reqwest::Response {}
}

/// `error_for_status` of reqwest, which keeps the header `Retry-After`.
///
/// ```no_run
/// # use resilience_runtime as resilience;
/// use resilience::propagation::{CheckStatus, StatusError};
///
/// async fn price(client: &reqwest::Client, item: &str) -> Result<String, StatusError> {
///     let url = format!("https://prices.example/{item}");
///     Ok(client.get(url).send().await?.check_status()?.text().await?)
/// }
/// ```
pub trait CheckStatus: sealed::Sealed + Sized {
    /// The response, if its status is below 400; else an error with the status and the pause.
    fn check_status(self) -> Result<Self, StatusError>;
}

impl CheckStatus for Response {
    fn check_status(self) -> Result<Self, StatusError> {
        let retry_after = Http.retry_after(self.headers());
        self.error_for_status().map_err(|error| StatusError { error, retry_after })
    }
}

/// An error of reqwest, of a response or of the way to it.
///
/// It is a [`Failure`]: as `reqwest::Error` is, and a status 503 with a `Retry-After` is [`Class::Throttled`], so that a retry
/// waits for as long.
#[derive(Debug)]
pub struct StatusError {
    error: reqwest::Error,
    retry_after: Option<Duration>,
}

impl StatusError {
    /// The status, where there was a response.
    pub fn status(&self) -> Option<StatusCode> {
        self.error.status()
    }

    /// What reqwest says.
    pub fn into_inner(self) -> reqwest::Error {
        self.error
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status() {
            Some(status) => write!(f, "the server answered {status}"),
            None => f.write_str("the request failed"),
        }
    }
}

impl std::error::Error for StatusError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

/// Of a request that had no response.
impl From<reqwest::Error> for StatusError {
    fn from(error: reqwest::Error) -> Self {
        Self { error, retry_after: None }
    }
}

impl Failure for StatusError {
    fn class(&self) -> Class {
        match (self.status(), self.retry_after) {
            (Some(StatusCode::SERVICE_UNAVAILABLE), Some(_)) => Class::Throttled,
            _ => self.error.class(),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    fn may_have_run(&self) -> bool {
        self.error.may_have_run()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, retry_after: Option<&str>) -> Result<Response, StatusError> {
        let mut response = http::Response::builder().status(status);
        if let Some(retry_after) = retry_after {
            response = response.header("retry-after", retry_after);
        }
        Response::from(response.body("").expect("a response")).check_status()
    }

    #[test]
    fn a_status_keeps_its_pause() {
        let pause = Some(Duration::from_secs(7));
        for (status, retry_after, class, wait) in [
            (503, Some("7"), Class::Throttled, pause),
            (503, None, Class::Transient, None),
            (503, Some("soon"), Class::Transient, None),
            (429, Some("7"), Class::Throttled, pause),
            (429, None, Class::Throttled, None),
            (502, Some("7"), Class::Transient, pause),
            (404, None, Class::Permanent, None),
        ] {
            let error = answered(status, retry_after).expect_err("an error");
            assert_eq!((error.class(), error.retry_after()), (class, wait), "{status}");
            assert_eq!(error.status().map(|status| status.as_u16()), Some(status));
        }
        assert!(answered(200, Some("7")).is_ok() && answered(304, None).is_ok());
    }
}
