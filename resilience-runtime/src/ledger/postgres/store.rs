//! The records of the server.

use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::pool::{Pool, Statement};
use super::row::{self, Found};
use super::statements::Statements;
use super::sweep::Sweeper;
use crate::key::IdempotencyKey;
use crate::ledger::record::Record;
use crate::ledger::remote::{Answer, Claim, Farewell, Seen, Store};
use crate::ledger::{Body, Claimed, Entry, EntryState, Hold, Stored, Written};
use crate::quota::{Draw, Drawn};
use crate::time::Tick;

pub(crate) struct PostgresStore {
    pub(super) statements: Arc<Statements>,
    /// For calls, and those who wait.
    pub(super) calls: Pool,
    /// For operators and the sweep: what they ask may take long, and takes no connection from a call.
    pub(super) chores: Arc<Pool>,
    pub(super) _sweeper: Sweeper,
}

/// A claim as parameters of statements.
struct Asked<'a> {
    claim: &'a Claim,
    bytes: &'a [u8],
    site: &'a str,
    text: String,
    owner: Vec<u8>,
    fingerprint: Option<&'a [u8]>,
    version: i64,
    ttl: i64,
    at_most_once: bool,
    lease: i64,
}

impl<'a> Asked<'a> {
    fn of(claim: &'a Claim) -> Self {
        Self {
            claim,
            bytes: claim.key.as_bytes(),
            site: claim.site,
            text: row::text(claim.text.clone()),
            owner: claim.owner.to_be_bytes().to_vec(),
            fingerprint: claim.fingerprint.as_ref().map(<[u8; 32]>::as_slice),
            version: claim.version.into(),
            ttl: row::millis(claim.ttl),
            at_most_once: claim.at_most_once,
            lease: row::millis(claim.lease),
        }
    }

    /// $1 to $9 of both statements that grant.
    fn parameters(&self) -> [&(dyn ToSql + Sync); 9] {
        [
            &self.bytes,
            &self.site,
            &self.text,
            &self.owner,
            &self.fingerprint,
            &self.version,
            &self.ttl,
            &self.at_most_once,
            &self.lease,
        ]
    }
}

/// A hold as parameters of statements.
struct Held<'a> {
    key: &'a [u8],
    owner: [u8; 16],
    fence: i64,
}

impl<'a> Held<'a> {
    /// A fence that is too large for a row is in no row.
    fn of(hold: &'a Hold) -> Self {
        let fence = i64::try_from(hold.fence).unwrap_or(-1);
        Self { key: hold.key.as_bytes(), owner: hold.owner.to_be_bytes(), fence }
    }
}

impl PostgresStore {
    /// What a claim finds, or the fence of its grant. Nothing, where the winner's row came after the look.
    async fn try_claim(&self, asked: &Asked<'_>) -> Result<Option<Result<Found, u64>>, Fault> {
        let is_wanted = || asked.claim.begin();
        match self.calls.ask_if(is_wanted, &self.statements.claim, &asked.parameters()).await?.first() {
            Some(row) if row.try_get::<_, Option<&[u8]>>(0)?.is_none() => Ok(Some(Err(row::number(row, 1)?))),
            Some(row) => Ok(Some(Ok(row::judged(row, asked.claim.key)?))),
            None => Ok(self.read(&self.calls, asked.bytes).await?.map(Ok)),
        }
    }

    /// The fence, if the record is still as it was found.
    async fn take_over(&self, asked: &Asked<'_>, found: &Found) -> Result<Option<u64>, Fault> {
        let expired = found.record.has_expired(found.now);
        let attempt = if expired { 1 } else { i64::from(found.record.attempt) + 1 };
        let fence = fence(&found.record);
        let seen: [&(dyn ToSql + Sync); 5] =
            [&attempt, &found.owner, &fence, &found.state, &found.lease_until];
        let values = [asked.parameters().as_slice(), &seen].concat();
        self.calls
            .ask(&self.statements.take_over, &values)
            .await?
            .first()
            .map(|row| row::number(row, 0))
            .transpose()
    }

    async fn read(&self, pool: &Pool, key: &[u8]) -> Result<Option<Found>, Fault> {
        pool.ask(&self.statements.inspect, &[&key]).await?.first().map(row::read).transpose()
    }

    /// Writes with the hold as the first three parameters, where the claim stands. One that is sent again after its answer
    /// was lost finds what it wrote.
    async fn write(
        &self,
        hold: Hold,
        statement: &Statement,
        values: &[&(dyn ToSql + Sync)],
        to: i16,
    ) -> Answer<Written> {
        let Held { key, owner, fence } = Held::of(&hold);
        let owner = owner.as_slice();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&key, &owner, &fence];
        parameters.extend(values);
        if !self.calls.ask(statement, &parameters).await?.is_empty() {
            return Ok(Written::Yes);
        }
        let rows = self.calls.ask(&self.statements.is_settled, &[&key, &owner, &fence, &to]).await?;
        let settled = rows.first().map(|row| row.try_get(0)).transpose().map_err(Fault::from)?;
        Ok(if settled == Some(true) { Written::Yes } else { Written::LeaseLost })
    }

    /// An operator decides over a record of this fence that he may decide over. Sent once: a second answer would be about
    /// the first.
    async fn decide(
        &self,
        key: IdempotencyKey,
        fence: u64,
        may: fn(EntryState) -> bool,
        (state, body): (i16, Option<&[u8]>),
        ttl: Option<Duration>,
    ) -> Answer<bool> {
        let Some(found) = self.read(&self.chores, key.as_bytes()).await? else { return Ok(false) };
        let Found { record, now, owner, state: was, lease_until } = &found;
        if record.fence != fence || record.has_expired(*now) || !may(record.shown(*now)) {
            return Ok(false);
        }
        let key = key.as_bytes().as_slice();
        let (fence, ttl) = (self::fence(record), row::millis(ttl.unwrap_or(record.ttl)));
        let values: &[&(dyn ToSql + Sync)] = &[&key, owner, &fence, was, lease_until, &state, &body, &ttl];
        Ok(!self.chores.ask_once(&self.statements.decide, values).await?.is_empty())
    }
}

fn fence(record: &Record) -> i64 {
    i64::try_from(record.fence).unwrap_or(-1)
}

/// Those that operators see, as they see them.
fn entries(rows: &[Row], wanted: fn(&Record, Tick) -> bool) -> Answer<Vec<Entry>> {
    let found = rows.iter().map(row::read).collect::<Result<Vec<_>, _>>()?;
    let found = found.iter().filter(|found| wanted(&found.record, found.now));
    Ok(found.map(|found| found.record.entry(found.now)).collect())
}

impl Store for PostgresStore {
    /// One round trip, where nobody is to be followed.
    async fn claim(&self, claim: &Claim) -> Answer<Claimed> {
        let asked = Asked::of(claim);
        loop {
            let found = match self.try_claim(&asked).await? {
                Some(Err(fence)) => return Ok(Claimed::Granted { fence }),
                Some(Ok(found)) => found,
                // Gone again before the second look.
                None => continue,
            };
            let live = !found.record.has_expired(found.now);
            let answer = || found.record.answer_to(claim.owner, claim.fingerprint.as_ref(), found.now);
            let answer = if live { answer() } else { None };
            if let Some(answer) = answer {
                return Ok(answer);
            }
            if let Some(fence) = self.take_over(&asked, &found).await? {
                return Ok(Claimed::Granted { fence });
            }
        }
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Answer<Written> {
        self.write(hold, &self.statements.renew, &[&row::millis(lease)], row::RUNNING).await
    }

    async fn complete(&self, hold: Hold, result: &Stored, ttl: Duration) -> Answer<Written> {
        let (state, body) = row::written(&result.body);
        let version = i64::from(result.version);
        let values: &[&(dyn ToSql + Sync)] = &[&state, &version, &body, &row::millis(ttl)];
        self.write(hold, &self.statements.complete, values, state).await
    }

    async fn release(&self, hold: Hold) -> Answer<Written> {
        self.write(hold, &self.statements.release, &[], row::RELEASED).await
    }

    async fn part(&self, farewells: &[Farewell]) -> Answer<()> {
        let (mut keys, mut owners, mut fences, mut states) = (vec![], vec![], vec![], vec![]);
        for farewell in farewells {
            keys.push(farewell.key().as_bytes().to_vec());
            owners.push(farewell.owner().to_be_bytes().to_vec());
            let (fence, state) = match farewell {
                Farewell::Abandon { hold, may_have_run: true } => (Some(Held::of(hold).fence), row::IN_DOUBT),
                Farewell::Abandon { hold, .. } => (Some(Held::of(hold).fence), row::RELEASED),
                Farewell::Withdraw { .. } => (None, row::RELEASED),
            };
            fences.push(fence);
            states.push(state);
        }
        self.calls.ask(&self.statements.part, &[&keys, &owners, &fences, &states]).await?;
        Ok(())
    }

    async fn look(&self, key: IdempotencyKey, fence: u64) -> Answer<Seen> {
        let (key, fence) = (key.as_bytes().as_slice(), i64::try_from(fence).unwrap_or(-1));
        let rows = self.calls.ask_if(|| true, &self.statements.look, &[&key, &fence]).await?;
        let Some(row) = rows.first() else { return Ok(Seen::Ended(None)) };
        Ok(seen(row)?)
    }

    async fn in_doubt(&self, most: usize) -> Answer<Vec<Entry>> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = self.chores.ask(&self.statements.in_doubt, &[&most]).await?;
        entries(&rows, |record, now| record.shown(now) == EntryState::InDoubt)
    }

    async fn find(&self, text: &str, most: usize) -> Answer<Vec<Entry>> {
        let (text, most) = (row::text(text.to_owned()), i64::try_from(most).unwrap_or(i64::MAX));
        let rows = self.chores.ask(&self.statements.find, &[&most, &text]).await?;
        entries(&rows, |record, now| !record.has_expired(now))
    }

    async fn inspect(&self, key: IdempotencyKey) -> Answer<Option<Entry>> {
        let found = self.read(&self.chores, key.as_bytes()).await?;
        let found = found.filter(|found| !found.record.has_expired(found.now));
        Ok(found.map(|found| found.record.entry(found.now)))
    }

    /// The row stays until the sweep, expired: so the next fence is above its.
    async fn forget(&self, key: IdempotencyKey, fence: u64) -> Answer<bool> {
        let gone = (row::RELEASED, None);
        self.decide(key, fence, |state| state != EntryState::Running, gone, Some(Duration::ZERO)).await
    }

    async fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Answer<bool> {
        self.decide(key, fence, |state| state == EntryState::InDoubt, row::written(&body), None).await
    }

    async fn draw(&self, draw: Draw) -> Answer<Drawn> {
        let seconds = u32::try_from(draw.interval.as_secs()).unwrap_or(u32::MAX);
        let micros = f64::from(seconds) * 1e6 + f64::from(draw.interval.subsec_nanos()) / 1e3;
        let full = i64::try_from((draw.interval * draw.burst).as_nanos().div_ceil(1_000)).unwrap_or(i64::MAX);
        let (limit, least, wanted) = (draw.limit.as_slice(), i64::from(draw.least), i64::from(draw.wanted));
        let values: &[&(dyn ToSql + Sync)] = &[&limit, &micros, &full, &least, &wanted];
        let rows = self.calls.ask(&self.statements.draw, values).await?;
        let row = rows.first().ok_or_else(|| Fault::new("an empty answer".to_owned()))?;
        let (granted, wait): (i64, i64) =
            (row.try_get(0).map_err(Fault::from)?, row.try_get(1).map_err(Fault::from)?);
        Ok(match u32::try_from(granted) {
            Ok(permits) if permits > 0 => Drawn::Granted(permits),
            _ => Drawn::NoneFor(Duration::from_micros(u64::try_from(wait).unwrap_or_default())),
        })
    }
}

fn seen(row: &Row) -> Result<Seen, Fault> {
    let (state, lapsed): (i16, bool) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match state {
        row::RUNNING if !lapsed => Seen::Running,
        row::RUNNING | row::IN_DOUBT | row::RELEASED => Seen::Ended(None),
        _ => Seen::Ended(Some(row::stored(state, row::number(row, 2)?, row.try_get(3)?)?)),
    })
}
