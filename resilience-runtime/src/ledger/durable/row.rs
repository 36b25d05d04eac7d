//! A record as bytes: the moment when it is forgotten, then a row in the format of `postcard`.
//!
//! Format 1. A change of it needs another number in [`layout`](super::layout), and a way to read this one.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::clock::{Clock, millis};
use crate::key::IdempotencyKey;
use crate::ledger::record::{Record, State};
use crate::ledger::{Body, LedgerError, Stored};

/// Milliseconds since 1970, in front of each row; zero is never. The store reads no further to clear it away.
const EXPIRY: usize = 8;

/// All else but texts, at most: it is written without growing the buffer.
const NUMBERS: usize = 128;

#[derive(Serialize, Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    state: Stands<'a>,
    fence: u64,
    attempt: u32,
    since: u64,
    owner: u128,
    fingerprint: Option<[u8; 32]>,
    version: u32,
    ttl: u64,
    at_most_once: bool,
    site: &'a str,
    text: &'a str,
}

#[derive(Serialize, Deserialize)]
enum Stands<'a> {
    Running,
    InDoubt,
    Released,
    Value(u32, &'a str),
    Error(u32, &'a str),
    NotKept(u32),
}

impl<'a> Stands<'a> {
    fn body(&self) -> Option<&'a str> {
        match self {
            Self::Value(_, json) | Self::Error(_, json) => Some(json),
            Self::Running | Self::InDoubt | Self::Released | Self::NotKept(_) => None,
        }
    }
}

pub(super) fn encode(record: &Record, clock: &Clock) -> Result<Vec<u8>, LedgerError> {
    let state = match &record.state {
        State::Running { .. } => Stands::Running,
        State::InDoubt => Stands::InDoubt,
        State::Released => Stands::Released,
        State::Done(stored) => match &stored.body {
            Body::Value(json) => Stands::Value(stored.version, json),
            Body::Error(json) => Stands::Error(stored.version, json),
            Body::NotKept => Stands::NotKept(stored.version),
        },
    };
    let row = Row {
        state,
        fence: record.fence,
        attempt: record.attempt,
        since: clock.wall(record.since),
        owner: record.owner,
        fingerprint: record.fingerprint,
        version: record.version,
        ttl: millis(record.ttl),
        at_most_once: record.at_most_once,
        site: &record.site,
        text: &record.text,
    };
    let texts = row.site.len() + row.text.len() + row.state.body().map_or(0, str::len);
    let mut bytes = Vec::with_capacity(EXPIRY + NUMBERS + texts);
    bytes.extend_from_slice(&expiry(record, clock).to_le_bytes());
    postcard::to_extend(&row, bytes)
        .map_err(|error| LedgerError::new(format!("a record cannot be written: {error}")))
}

/// When the row is forgotten. One whose process died while it ran is as good as abandoned then.
pub(super) fn expiry(record: &Record, clock: &Clock) -> u64 {
    let end = match record.state {
        State::Running { .. } if record.at_most_once => None,
        State::Running { until } => Some(until.after(record.ttl)),
        _ => record.expires,
    };
    end.map_or(0, |end| clock.wall(end).max(1))
}

pub(super) fn has_expired(bytes: &[u8], now: u64) -> bool {
    bytes.first_chunk::<EXPIRY>().is_some_and(|end| (1..=now).contains(&u64::from_le_bytes(*end)))
}

/// Reads a record of which nobody in this process runs anything: what is running there is of a process that died.
pub(super) fn decode(key: IdempotencyKey, bytes: &[u8], clock: &Clock) -> Result<Record, LedgerError> {
    let damaged = || LedgerError::new(format!("the record {key} cannot be read: it is damaged"));
    let (end, bytes) = bytes.split_first_chunk::<EXPIRY>().ok_or_else(damaged)?;
    let row: Row<'_> = postcard::from_bytes(bytes).map_err(|_| damaged())?;
    let done = |version, body| State::Done(Stored { version, body });
    let state = match row.state {
        Stands::Running | Stands::InDoubt => State::InDoubt,
        Stands::Released => State::Released,
        Stands::Value(version, json) => done(version, Body::Value(json.into())),
        Stands::Error(version, json) => done(version, Body::Error(json.into())),
        Stands::NotKept(version) => done(version, Body::NotKept),
    };
    let end = u64::from_le_bytes(*end);
    Ok(Record {
        key,
        site: Cow::Owned(row.site.to_owned()),
        text: row.text.to_owned(),
        owner: row.owner,
        fingerprint: row.fingerprint,
        version: row.version,
        ttl: Duration::from_millis(row.ttl),
        at_most_once: row.at_most_once,
        state,
        fence: row.fence,
        attempt: row.attempt,
        since: clock.tick(row.since),
        expires: (end > 0).then(|| clock.tick(end)),
    })
}
