//! Why a header of a request cannot be used.

use std::fmt;

use http::HeaderValue;

/// A header of a request that makes no sense, or has no time left. It names the header, and says what is wrong with it; its
/// value comes from a stranger and may be a secret, so it is in no text.
///
/// A server answers such a request without running it: with 400 or `INVALID_ARGUMENT`, and where no
/// [time is left](Problem::NoTimeLeft) with 504 or `DEADLINE_EXCEEDED`.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderError {
    header: &'static str,
    problem: Problem,
    value: HeaderValue,
}

/// What is wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It comes more than once.
    Repeated,
    /// It holds something else than printable ASCII.
    NotAscii,
    /// It is longer than so many bytes.
    TooLong(usize),
    /// It is not written as it should be, which is so.
    Malformed(&'static str),
    /// It says that the caller has stopped waiting.
    NoTimeLeft,
}

impl HeaderError {
    pub(super) fn new(header: &'static str, problem: Problem, value: HeaderValue) -> Self {
        Self { header, problem, value }
    }

    /// The name of the header.
    pub fn header(&self) -> &'static str {
        self.header
    }

    /// What is wrong with it.
    pub fn problem(&self) -> Problem {
        self.problem
    }

    /// Its value as it came, which may be a secret; of a header that comes more than once, the second.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the header {}", self.header)?;
        match self.problem {
            Problem::Repeated => f.write_str(" comes more than once"),
            Problem::NotAscii => f.write_str(" should be printable ASCII"),
            Problem::TooLong(limit) => write!(f, " is longer than {limit} bytes"),
            Problem::Malformed(form) => write!(f, " should be {form}"),
            Problem::NoTimeLeft => f.write_str(" says that no time is left"),
        }
    }
}

impl fmt::Debug for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { header, problem, .. } = self;
        f.debug_struct("HeaderError")
            .field("header", header)
            .field("problem", problem)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for HeaderError {}
