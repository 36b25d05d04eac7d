//! Why a header of a request cannot be used.

use std::fmt;

use http::HeaderValue;

/// A header of a request that makes no sense, or has no time left. It names the header, and says what is wrong with it.
///
/// A server answers such a request without running it: with 400 or `INVALID_ARGUMENT`, and where no
/// [time is left](Problem::NoTimeLeft) with 504 or `DEADLINE_EXCEEDED`.
#[derive(Debug, Clone, PartialEq, Eq)]
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

/// The longest value that a message repeats: it goes into logs, and comes from a stranger.
const SHOWN: usize = 40;

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

    /// Its value as it came; of a header that comes more than once, the second.
    pub fn value(&self) -> &HeaderValue {
        &self.value
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the header {}", self.header)?;
        match self.problem {
            Problem::Repeated => return f.write_str(" comes more than once"),
            Problem::TooLong(limit) => return write!(f, " is longer than {limit} bytes"),
            _ if self.value.len() <= SHOWN => write!(f, " is {:?}", self.value)?,
            _ => write!(f, " is {} bytes long", self.value.len())?,
        }
        match self.problem {
            Problem::Malformed(form) => write!(f, ", and should be {form}"),
            Problem::NoTimeLeft => f.write_str(": no time is left"),
            _ => f.write_str(", and should be printable ASCII"),
        }
    }
}

impl std::error::Error for HeaderError {}
