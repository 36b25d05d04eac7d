//! A row of the table, as the text of its values.

use std::borrow::Cow;
use std::str::FromStr;
use std::time::Duration;

use super::client::Row;
use super::fault::Fault;
use crate::ledger::record::{Record, State};
use crate::ledger::table::{self, IN_DOUBT, RELEASED, RUNNING};
use crate::ledger::{Claimed, Request};
use crate::time::Tick;

/// What there is under a key. With owner, fence, state and the end of the lease a write finds out whether it is still so.
pub(super) struct Found {
    pub(super) owner: String,
    pub(super) state: i16,
    pub(super) fence: u64,
    pub(super) lease_until: u64,
    record: Record,
    now: Tick,
}

/// The columns of `Statements`. Other rows are the answers to settings.
const COLUMNS: usize = 12;

impl Found {
    /// The row of this owner if there is one: an older snapshot may show another one beside it, which was removed since.
    pub(super) fn read(rows: &[Row], request: &Request<'_>, owner: &str) -> Result<Option<Self>, Fault> {
        let mut rows = rows.iter().filter(|row| row.len() == COLUMNS);
        let is_own = |row: &&Row| row[0].as_deref() == Some(owner);
        let row = rows.clone().find(is_own).or_else(|| rows.next_back());
        row.map(|row| Self::of(row, request).map_err(Fault::from)).transpose()
    }

    fn of(row: &Row, request: &Request<'_>) -> Result<Self, String> {
        let text = |at: usize| row[at].as_deref().ok_or_else(|| table::unreadable("a value is missing"));
        let known: i64 = parse(text(11)?)?;
        if known != table::VERSION {
            return Err(format!(
                "its tables are of version {known}, and this library knows version {}: update it, or run its \
                 `resilience::ledger::POSTGRES_SCHEMA` in another schema",
                table::VERSION
            ));
        }
        let (state, fence, lease_until, version) =
            (parse(text(1)?)?, parse(text(2)?)?, parse(text(8)?)?, parse(text(5)?)?);
        let body = row[7].as_deref().map(decoded).transpose()?;
        let fingerprint = row[4].as_deref().map(decoded).transpose()?;
        let owner = text(0)?.to_owned();
        let record = Record {
            key: request.key,
            site: Cow::Borrowed(request.site),
            text: String::new(),
            owner: u128::from_str_radix(&owner, 16).unwrap_or_default(),
            fingerprint: fingerprint
                .map(TryInto::try_into)
                .transpose()
                .map_err(|_| table::unreadable("its values"))?,
            version,
            ttl: request.ttl,
            at_most_once: text(6)? == "1",
            state: match state {
                RUNNING => State::Running { until: tick(lease_until) },
                IN_DOUBT => State::InDoubt,
                RELEASED => State::Released,
                _ => State::Done(table::stored(state, version, body.as_deref())?),
            },
            fence,
            attempt: parse(text(3)?)?,
            since: tick(lease_until),
            expires: row[9].as_deref().map(parse).transpose()?.map(tick),
        };
        Ok(Self { owner, state, fence, lease_until, record, now: tick(parse(text(10)?)?) })
    }

    /// What a claim that is not this one's finds. Nothing: it may take the record over.
    pub(super) fn answer(&self, request: &Request<'_>) -> Option<Claimed> {
        if self.record.has_expired(self.now) { None } else { self.record.answer(request, self.now) }
    }

    pub(super) fn next_attempt(&self) -> u32 {
        if self.record.has_expired(self.now) { 1 } else { self.record.attempt.saturating_add(1) }
    }
}

fn parse<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(table::unreadable)
}

/// Microseconds of the server's clock. Only distances between its moments count.
fn tick(micros: u64) -> Tick {
    let since = Duration::from_micros(micros);
    Tick::of(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

fn decoded(hex: &str) -> Result<Vec<u8>, String> {
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = hex.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => Some(digit(high)? << 4 | digit(low)?),
        _ => None,
    });
    pairs.collect::<Option<_>>().ok_or_else(|| table::unreadable("it is not in hexadecimal digits"))
}
