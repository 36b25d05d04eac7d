//! When to come again: `Retry-After` of HTTP, the pushback of gRPC.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

use super::{Protocol, whole};

/// A longer wait than any client has.
const DIGITS: usize = 10;

impl Protocol {
    /// The client, after a failure: how long the callee asks to wait before a repetition, for a
    /// [throttled](crate::Class::Throttled) failure. `None`, if it does not ask, or if what it says makes no sense.
    ///
    /// HTTP has seconds or a date, which counts from the `Date` of the same response, because clocks differ; gRPC has
    /// milliseconds.
    pub fn retry_after(self, headers: &HeaderMap) -> Option<Duration> {
        match self {
            Self::Http => {
                let value = headers.get(RETRY_AFTER)?;
                whole(value.as_bytes(), DIGITS)
                    .map(Duration::from_secs)
                    .or_else(|| Some(until(date(value)?, headers)))
            }
            Self::Grpc => whole(headers.get(self.advice().0)?.as_bytes(), DIGITS).map(Duration::from_millis),
        }
    }
}

fn date(value: &http::HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?).ok()
}

/// What is left until then. A moment that has passed is now.
fn until(then: SystemTime, headers: &HeaderMap) -> Duration {
    let now = headers.get(DATE).and_then(date).unwrap_or_else(SystemTime::now);
    then.duration_since(now).unwrap_or_default()
}

/// As `Retry-After` says it: rounded up, because who comes too early comes in vain.
#[cfg(feature = "axum")]
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}
