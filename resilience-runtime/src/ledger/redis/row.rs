//! A record as bytes, format 1. The scripts read and write them on the server (`scripts/record.lua` has the places);
//! here is what goes there, and what operators are shown.

use std::borrow::Cow;
use std::time::Duration;

use crate::key::IdempotencyKey;
use crate::ledger::record::{Record, State};
use crate::ledger::remote::Claim;
use crate::ledger::{Body, Hold, LedgerError, Stored};
use crate::time::Tick;

/// What a record of ours begins with; the last byte is the format.
const MAGIC: &[u8; 4] = b"RSL1";
/// The longest site, and the longest key as written. What is longer is cut: both are for the eyes of operators.
const LONGEST: usize = 2048;
/// So many bytes hold all of a record but its result.
pub(super) const WITHOUT_RESULT: usize = 99 + 2 * LONGEST;
/// A hundred years. More would not fit the numbers of the server.
const LONG: Duration = Duration::from_hours(24 * 36_525);

/// The record of a claim up to its fence.
pub(super) fn head(claim: &Claim) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(55);
    bytes.extend(MAGIC);
    bytes.push(b'r');
    bytes.push(u8::from(claim.at_most_once));
    bytes.push(u8::from(claim.fingerprint.is_some()));
    bytes.extend(claim.fingerprint.unwrap_or_default());
    bytes.extend(claim.owner.to_be_bytes());
    bytes
}

/// The same from its version on.
pub(super) fn tail(claim: &Claim) -> Vec<u8> {
    let (site, text) = (cut(claim.site), cut(&claim.text));
    let mut bytes = Vec::with_capacity(16 + site.len() + text.len());
    bytes.extend(claim.version.to_be_bytes());
    bytes.extend(millis(claim.ttl).to_be_bytes());
    for text in [site, text] {
        bytes.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes()); // LONGEST at most
    }
    bytes.extend(site.as_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

/// What a write names its claim by.
pub(super) fn hold(hold: Hold) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[..16].copy_from_slice(&hold.owner.to_be_bytes());
    bytes[16..].copy_from_slice(&hold.fence.to_be_bytes());
    bytes
}

/// The state of a result, and its bytes.
pub(super) fn body(body: &Body) -> (&'static [u8], &[u8]) {
    match body {
        Body::Value(json) => (b"v", json.as_bytes()),
        Body::Error(json) => (b"e", json.as_bytes()),
        Body::NotKept => (b"n", b""),
    }
}

/// A key with no time to live is a refusal, and one that ends at once is none of ours.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.min(LONG).as_millis()).unwrap_or(u64::MAX).max(1)
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.min(LONG).as_micros()).unwrap_or(u64::MAX)
}

/// What a script says of a result: its state, its version, itself.
pub(super) fn stored(state: u8, bytes: &[u8]) -> Option<Stored> {
    let (version, bytes) = bytes.split_first_chunk()?;
    let json = || str::from_utf8(bytes).ok().map(Into::into);
    let body = match state {
        b'v' => Body::Value(json()?),
        b'e' => Body::Error(json()?),
        b'n' if bytes.is_empty() => Body::NotKept,
        _ => return None,
    };
    Some(Stored { version: u32::from_be_bytes(*version), body })
}

/// A record that was read, result and all, when the clock of its server showed `now`.
pub(super) fn record(key: IdempotencyKey, bytes: &[u8], now: u64) -> Result<Record, LedgerError> {
    decode(key, bytes, now, true).ok_or_else(|| damaged(&key.to_string()))
}

/// The same from the first [`WITHOUT_RESULT`] bytes. Nothing, if it is none of ours, or has been forgotten.
pub(super) fn without_result(
    key: IdempotencyKey,
    bytes: &[u8],
    now: u64,
) -> Result<Option<Record>, LedgerError> {
    if !bytes.starts_with(MAGIC) || bytes.get(4) == Some(&b'f') {
        return Ok(None);
    }
    decode(key, bytes, now, false).map(Some).ok_or_else(|| damaged(&key.to_string()))
}

pub(super) fn damaged(key: &str) -> LedgerError {
    LedgerError::new(format!(
        "the key `{key}` holds something else than a record of this version; it is left as it is"
    ))
}

fn decode(key: IdempotencyKey, bytes: &[u8], now: u64, with_result: bool) -> Option<Record> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let [state, once] = take(&mut rest)?;
    let fingerprint = match take(&mut rest)? {
        [0] => take::<32>(&mut rest).map(|_| None)?,
        [1] => Some(take(&mut rest)?),
        _ => return None,
    };
    let owner = u128::from_be_bytes(take(&mut rest)?);
    let [fence, until, since] = [number(&mut rest)?, number(&mut rest)?, number(&mut rest)?];
    let attempt = u32::from_be_bytes(take(&mut rest)?);
    let version = u32::from_be_bytes(take(&mut rest)?);
    let ttl = Duration::from_millis(number(&mut rest)?);
    let (site, text) = (length(&mut rest)?, length(&mut rest)?);
    let (site, rest) = rest.split_at_checked(site)?;
    let (text, rest) = rest.split_at_checked(text)?;
    let there = |time: u64| {
        let here = Tick::now();
        let away = Duration::from_micros(time.abs_diff(now));
        if time > now { here.after(away) } else { here.before(away) }
    };
    let state = match state {
        b'r' => State::Running { until: there(until) },
        b'd' => State::InDoubt,
        b'l' => State::Released,
        state if with_result => State::Done(stored(state, &[&version.to_be_bytes(), rest].concat())?),
        b'v' | b'e' | b'n' => State::Done(Stored { version, body: Body::NotKept }),
        _ => return None,
    };
    Some(Record {
        key,
        site: Cow::Owned(str::from_utf8(site).ok()?.to_owned()),
        text: str::from_utf8(text).ok()?.to_owned(),
        owner,
        fingerprint,
        version,
        ttl,
        at_most_once: once == 1,
        state,
        fence,
        attempt,
        since: there(since),
        expires: None, // the server sees to it
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (chunk, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*chunk)
}

fn number(rest: &mut &[u8]) -> Option<u64> {
    take(rest).map(u64::from_be_bytes)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    take(rest).map(|bytes| u16::from_be_bytes(bytes).into())
}
