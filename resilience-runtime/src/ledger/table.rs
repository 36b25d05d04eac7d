//! What the tables on PostgreSQL hold, for the ledger there and for results in transactions of callers.

use std::fmt::Display;
use std::time::Duration;

use super::{Body, Stored};

/// The statements that make what the ledger on PostgreSQL keeps, for those who run migrations themselves: in the schema
/// that the URL names, as often as you like. A service that finds the tables needs no right to make any.
#[cfg(any(feature = "postgres", feature = "sqlx-postgres"))]
pub const POSTGRES_SCHEMA: &str = include_str!("postgres/schema.sql");

/// The version of these statements.
pub(crate) const VERSION: i64 = 1;

pub(crate) const RUNNING: i16 = 0;
pub(crate) const IN_DOUBT: i16 = 1;
pub(crate) const RELEASED: i16 = 2;
const VALUE: i16 = 3;
const ERROR: i16 = 4;
const NOT_KEPT: i16 = 5;

/// A century: more than anybody means, and within what the server can add.
const LONGEST: Duration = Duration::from_hours(24 * 366 * 100);

/// The result in a row.
pub(crate) fn stored(state: i16, version: u32, body: Option<&[u8]>) -> Result<Stored, String> {
    let json = || std::str::from_utf8(body.unwrap_or_default()).map(Into::into).map_err(unreadable);
    let body = match state {
        VALUE => Body::Value(json()?),
        ERROR => Body::Error(json()?),
        NOT_KEPT => Body::NotKept,
        other => return Err(unreadable(format!("a state {other}"))),
    };
    Ok(Stored { version, body })
}

/// The state of a result, and its bytes.
pub(crate) fn written(body: &Body) -> (i16, Option<&[u8]>) {
    match body {
        Body::Value(json) => (VALUE, Some(json.as_bytes())),
        Body::Error(json) => (ERROR, Some(json.as_bytes())),
        Body::NotKept => (NOT_KEPT, None),
    }
}

pub(crate) fn unreadable(why: impl Display) -> String {
    format!("a row of resilience_record cannot be read: {why}")
}

/// Not shorter than it was said.
pub(crate) fn millis(time: Duration) -> i64 {
    let time = time.min(LONGEST);
    i64::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX)
}

/// A text of PostgreSQL has no NUL. It is for people, and for them this is one.
pub(crate) fn text(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}
