//! Bytes in JSON, which has none: as text where they are text and that is shorter, and in Base64 elsewhere.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// Some bytes as JSON has them.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Octets<'a> {
    Text(Cow<'a, str>),
    Base64(String),
}

impl<'a> Octets<'a> {
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        match str::from_utf8(bytes) {
            Ok(text) if in_json(text) <= bytes.len().div_ceil(3) * 4 => Self::Text(Cow::Borrowed(text)),
            _ => Self::Base64(STANDARD.encode(bytes)),
        }
    }

    /// `None`: nobody has written this.
    pub(super) fn into_bytes(self) -> Option<Vec<u8>> {
        match self {
            Self::Text(text) => Some(text.into_owned().into_bytes()),
            Self::Base64(text) => STANDARD.decode(text).ok(),
        }
    }
}

/// How long a text is in JSON, without its quotes: control characters take six bytes, or two.
fn in_json(text: &str) -> usize {
    let length = |byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(length).sum()
}
