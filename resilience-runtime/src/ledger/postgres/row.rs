//! A row of the table as the record that it stands for, on the clock of the server.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use tokio_postgres::Row;

use super::fault::Fault;
use crate::key::IdempotencyKey;
use crate::ledger::Stored;
use crate::ledger::record::{Record, State};
use crate::ledger::table;
pub(super) use crate::ledger::table::{IN_DOUBT, RELEASED, RUNNING, millis, text, written};
use crate::time::Tick;

/// A record as it was read.
pub(super) struct Found {
    pub(super) record: Record,
    /// The moment of the answer.
    pub(super) now: Tick,
    /// With these a write finds out whether it is still so.
    pub(super) owner: Vec<u8>,
    pub(super) state: i16,
    pub(super) lease_until: SystemTime,
}

/// A record as operators see it: the columns of `statements::JUDGED`, and those of `statements::SHOWN`.
pub(super) fn read(row: &Row) -> Result<Found, Fault> {
    let key: &[u8] = row.try_get(11)?;
    let found = judged(row, IdempotencyKey::from_bytes(key.try_into().map_err(unreadable)?))?;
    let record = Record {
        site: Cow::Owned(row.try_get(12)?),
        text: row.try_get(13)?,
        ttl: Duration::from_millis(number(row, 14)?),
        since: tick(row.try_get(15)?),
        ..found.record
    };
    Ok(Found { record, ..found })
}

/// A record as far as a claim is judged by it: the columns of `statements::JUDGED`. What is shown of it is made up.
pub(super) fn judged(row: &Row, key: IdempotencyKey) -> Result<Found, Fault> {
    let owner: Vec<u8> = row.try_get(0)?;
    let fingerprint: Option<&[u8]> = row.try_get(3)?;
    let version = number(row, 4)?;
    let state: i16 = row.try_get(6)?;
    let lease_until: SystemTime = row.try_get(7)?;
    let record = Record {
        key,
        site: Cow::Borrowed(""),
        text: String::new(),
        // Nobody's, where an operator has decided: the writes compare what the row has.
        owner: <[u8; 16]>::try_from(&*owner).map_or(0, u128::from_be_bytes),
        fingerprint: fingerprint.map(TryInto::try_into).transpose().map_err(unreadable)?,
        version,
        ttl: Duration::ZERO,
        at_most_once: row.try_get(5)?,
        state: match state {
            RUNNING => State::Running { until: tick(lease_until) },
            IN_DOUBT => State::InDoubt,
            RELEASED => State::Released,
            _ => State::Done(stored(state, version, row.try_get(9)?)?),
        },
        fence: number(row, 1)?,
        attempt: number(row, 2)?,
        since: tick(lease_until),
        expires: row.try_get::<_, Option<SystemTime>>(8)?.map(tick),
    };
    Ok(Found { record, now: tick(row.try_get(10)?), owner, state, lease_until })
}

pub(super) fn stored(state: i16, version: u32, body: Option<&[u8]>) -> Result<Stored, Fault> {
    table::stored(state, version, body).map_err(Fault::new)
}

pub(super) fn number<T: TryFrom<i64, Error: std::fmt::Display>>(
    row: &Row,
    column: usize,
) -> Result<T, Fault> {
    T::try_from(row.try_get(column)?).map_err(unreadable)
}

fn unreadable(why: impl std::fmt::Display) -> Fault {
    Fault::new(table::unreadable(why))
}

/// Only distances between the moments of one clock count.
fn tick(time: SystemTime) -> Tick {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Tick::of(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
