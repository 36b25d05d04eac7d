//! The rows in SQLite. Each act is one transaction, which has the file for itself: what is read is still so when it is
//! written.

use std::path::Path;
use std::time::Duration;

use resilience::IdempotencyKey;
use resilience::ledger::{Body, Claimed, Entry, LedgerError, Stored};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, named_params};

use crate::row::{Asked, Millis, Row, State};

const FORMAT: i64 = 1;
/// How long one process waits for another one's transaction.
const BUSY: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE operation (
        key BLOB PRIMARY KEY, site TEXT NOT NULL, text TEXT NOT NULL,
        owner BLOB NOT NULL, fence INTEGER NOT NULL, attempt INTEGER NOT NULL,
        fingerprint BLOB, version INTEGER NOT NULL, ttl INTEGER NOT NULL, at_most_once INTEGER NOT NULL,
        state TEXT NOT NULL, since INTEGER NOT NULL, until INTEGER, expires INTEGER,
        result_version INTEGER, result TEXT
    ) WITHOUT ROWID;
    CREATE INDEX operation_expires ON operation (expires) WHERE expires IS NOT NULL;
    CREATE TABLE last (fence INTEGER NOT NULL);
    INSERT INTO last VALUES (0);
    PRAGMA user_version = 1;
";
const COLUMNS: &str = "key, site, text, owner, fence, attempt, fingerprint, version, ttl, at_most_once, state, \
                       since, until, expires, result_version, result";

pub(crate) struct Table(Connection);

type Answer<T> = Result<T, LedgerError>;

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` gives it")]
fn failed(error: rusqlite::Error) -> LedgerError {
    LedgerError::new(format!("SQLite: {error}"))
}

impl Table {
    pub(crate) fn open(path: &Path) -> Answer<Self> {
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        // A result is on disk before somebody gets it.
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;").map_err(failed)?;
        let begun = begin(&mut connection)?;
        match begun.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)? {
            0 => begun.execute_batch(SCHEMA).map_err(failed)?,
            FORMAT => {}
            other => {
                return Err(LedgerError::new(format!("the file is of format {other}, this reads {FORMAT}")));
            }
        }
        begun.commit().map_err(failed)?;
        Ok(Self(connection))
    }

    pub(crate) fn claim(&mut self, asked: Asked) -> Answer<Claimed> {
        let begun = begin(&mut self.0)?;
        let now = now(&begun)?;
        sweep(&begun, now)?;
        let before = load(&begun, asked.key, now)?;
        if let Some(answer) = before.as_ref().and_then(|row| row.answer(&asked, now)) {
            return Ok(answer);
        }
        // One count for all keys: a fence rises also over a record that was removed.
        let fence = "UPDATE last SET fence = fence + 1 RETURNING fence";
        let fence: u64 = begun.query_row(fence, [], |row| row.get(0)).map_err(failed)?;
        let attempt = before.map_or(1, |row| row.attempt.saturating_add(1));
        save(&begun, &Row::granted(asked, fence, attempt, now))?;
        begun.commit().map_err(failed)?;
        Ok(Claimed::Granted { fence })
    }

    /// Changes one row, or removes it.
    pub(crate) fn change<T>(
        &mut self,
        key: IdempotencyKey,
        change: impl FnOnce(&mut Option<Row>, Millis) -> T,
    ) -> Answer<T> {
        let begun = begin(&mut self.0)?;
        let now = now(&begun)?;
        let mut row = load(&begun, key, now)?;
        let answer = change(&mut row, now);
        match row {
            Some(row) => save(&begun, &row)?,
            None => {
                begun.execute("DELETE FROM operation WHERE key = ?", [key.as_bytes()]).map_err(failed)?;
            }
        }
        begun.commit().map_err(failed)?;
        Ok(answer)
    }

    /// Whether the claim with this fence stands, and its result if it has one.
    pub(crate) fn look(&mut self, key: IdempotencyKey, fence: u64) -> Answer<(bool, Option<Stored>)> {
        let begun = begin(&mut self.0)?;
        let now = now(&begun)?;
        let row = load(&begun, key, now)?.filter(|row| row.fence == fence);
        Ok(match row {
            Some(Row { state: State::Done(stored), .. }) => (false, Some(stored)),
            row => (row.is_some_and(|row| row.is_running(now)), None),
        })
    }

    /// The oldest of those that are wanted. It looks at all.
    pub(crate) fn entries(
        &mut self,
        most: usize,
        wanted: impl Fn(&Row, Millis) -> bool,
    ) -> Answer<Vec<Entry>> {
        let begun = begin(&mut self.0)?;
        let now = now(&begun)?;
        let all = format!("SELECT {COLUMNS} FROM operation WHERE expires IS NULL OR expires > ?");
        let mut all = begun.prepare(&all).map_err(failed)?;
        let mut entries = Vec::new();
        for row in all.query_map([now], read).map_err(failed)? {
            let row = row.map_err(failed)?;
            if wanted(&row, now) {
                entries.push(row.entry(now));
            }
        }
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.age));
        entries.truncate(most);
        Ok(entries)
    }
}

/// Takes the file at once: a transaction that began by reading may have to give up when it writes.
fn begin(connection: &mut Connection) -> Answer<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)
}

/// The store's clock, which is the machine's: all who share the file have the same.
fn now(begun: &Transaction<'_>) -> Answer<Millis> {
    let now = "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)";
    begun.query_row(now, [], |row| row.get(0)).map_err(failed)
}

/// A few at a time, so that no claim pays for all.
fn sweep(begun: &Transaction<'_>, now: Millis) -> Answer<()> {
    let expired = "DELETE FROM operation WHERE key IN
                   (SELECT key FROM operation WHERE expires <= ? ORDER BY expires LIMIT 64)";
    begun.prepare_cached(expired).and_then(|mut expired| expired.execute([now])).map_err(failed)?;
    Ok(())
}

fn load(begun: &Transaction<'_>, key: IdempotencyKey, now: Millis) -> Answer<Option<Row>> {
    let one = format!("SELECT {COLUMNS} FROM operation WHERE key = ? AND (expires IS NULL OR expires > ?)");
    let mut one = begun.prepare_cached(&one).map_err(failed)?;
    one.query_row((key.as_bytes(), now), read).optional().map_err(failed)
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let state: String = row.get("state")?;
    let result = row.get::<_, Option<String>>("result")?.unwrap_or_default();
    let done = |body| -> rusqlite::Result<State> {
        Ok(State::Done(Stored { version: row.get("result_version")?, body }))
    };
    Ok(Row {
        key: IdempotencyKey::from_bytes(row.get("key")?),
        site: row.get("site")?,
        text: row.get("text")?,
        owner: u128::from_le_bytes(row.get("owner")?),
        fence: row.get("fence")?,
        attempt: row.get("attempt")?,
        fingerprint: row.get("fingerprint")?,
        version: row.get("version")?,
        ttl: row.get("ttl")?,
        at_most_once: row.get("at_most_once")?,
        state: match state.as_str() {
            "running" => State::Running { until: row.get("until")? },
            "in doubt" => State::InDoubt,
            "released" => State::Released,
            "value" => done(Body::Value(result.into()))?,
            "error" => done(Body::Error(result.into()))?,
            "not kept" => done(Body::NotKept)?,
            other => return Err(rusqlite::Error::InvalidColumnName(format!("state {other}"))),
        },
        since: row.get("since")?,
        expires: row.get("expires")?,
    })
}

fn save(begun: &Transaction<'_>, row: &Row) -> Answer<()> {
    let (mut until, mut result_version, mut result) = (None, None, None);
    let state = match &row.state {
        State::Running { until: end } => {
            until = Some(*end);
            "running"
        }
        State::InDoubt => "in doubt",
        State::Released => "released",
        State::Done(stored) => {
            result_version = Some(stored.version);
            match &stored.body {
                Body::Value(json) => {
                    result = Some(json);
                    "value"
                }
                Body::Error(json) => {
                    result = Some(json);
                    "error"
                }
                Body::NotKept => "not kept",
            }
        }
    };
    let replace = format!(
        "REPLACE INTO operation ({COLUMNS}) VALUES (:key, :site, :text, :owner, :fence, :attempt, :fingerprint, \
         :version, :ttl, :at_most_once, :state, :since, :until, :expires, :result_version, :result)"
    );
    let mut replace = begun.prepare_cached(&replace).map_err(failed)?;
    replace
        .execute(named_params! {
            ":key": row.key.as_bytes(), ":site": row.site, ":text": row.text,
            ":owner": row.owner.to_le_bytes(), ":fence": row.fence, ":attempt": row.attempt,
            ":fingerprint": row.fingerprint, ":version": row.version, ":ttl": row.ttl,
            ":at_most_once": row.at_most_once, ":state": state, ":since": row.since, ":until": until,
            ":expires": row.expires, ":result_version": result_version, ":result": result.map(|json| &**json),
        })
        .map_err(failed)?;
    Ok(())
}
