//! The parts of a key, and what they come to.

use super::Key;
use super::bytes::Bytes;

/// The longest key, in bytes of its text.
const LONGEST: usize = 512;

/// The parts of a key, kept apart by their lengths: `("a", "bc")` is not `("ab", "c")`.
#[derive(Debug, Default)]
pub struct KeyParts {
    bytes: Bytes,
    text: usize,
    count: usize,
    problem: Option<KeyError>,
}

impl KeyParts {
    /// Adds a part. An empty one, or one of blanks, spoils the key: two operations that both lack their name are not the
    /// same.
    pub fn push(&mut self, part: &str) {
        if part.trim_start().is_empty() {
            self.problem.get_or_insert(KeyError::Empty);
        }
        self.bytes.push(part);
        self.text += part.len();
        self.count += 1;
    }

    /// Says that a part is missing, which spoils the key.
    pub fn missing(&mut self) {
        self.problem.get_or_insert(KeyError::Missing);
    }

    fn finish(self) -> Result<Encoded, KeyError> {
        match self.problem {
            Some(problem) => Err(problem),
            None if self.count == 0 => Err(KeyError::Empty),
            None if self.text > LONGEST => Err(KeyError::TooLong(self.text)),
            None => Ok(Encoded { bytes: self.bytes }),
        }
    }
}

/// Why a key cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// A part of the key is empty, or of blanks.
    #[error("the key, or a part of it, is empty or blank: it would name every operation")]
    Empty,
    /// A part of the key is `None`.
    #[error("the key, or a part of it, is `None`: it would name every operation")]
    Missing,
    /// The key is too long.
    #[error("the key is {0} bytes long, and {LONGEST} is the limit: use a hash of it")]
    TooLong(usize),
}

/// A key that has been read from its expression.
#[derive(Debug, Clone)]
pub struct Encoded {
    bytes: Bytes,
}

impl Encoded {
    /// Reads a key, or says why it is none.
    pub fn of<K: Key + ?Sized>(key: &K) -> Result<Self, KeyError> {
        let mut parts = KeyParts::default();
        key.write(&mut parts);
        parts.finish()
    }

    /// One part, whatever it is.
    #[cfg(any(test, feature = "test-util"))]
    pub(crate) fn unchecked(text: &str) -> Self {
        let mut bytes = Bytes::default();
        bytes.push(text);
        Self { bytes }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }
}

/// The parts in these bytes.
pub(super) fn parts(mut bytes: &[u8]) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (length, tail) = bytes.split_first_chunk()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX).min(tail.len());
        let (part, rest) = tail.split_at(length);
        bytes = rest;
        Some(str::from_utf8(part).unwrap_or_default())
    })
}
