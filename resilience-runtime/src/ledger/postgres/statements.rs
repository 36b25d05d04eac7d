//! What is said to the server. The rules are `record.rs`'s: here they are conditions of writes.

use tokio_postgres::types::Type;

use super::pool::Statement;
use super::sweep::BATCH;

/// What a record is judged by, as `row::judged` wants it.
const JUDGED: &str = "owner, fence, attempt, fingerprint, version, at_most_once, state, lease_until, expires_at, body, \
                      clock_timestamp()";
/// What is shown of it, too: with these it is as `row::read` wants it.
const SHOWN: &str = "key, site, text, ttl_ms, since";
/// A claim of $9 ms that is remembered for $7 ms.
const LEASE: &str = "t + $9 * interval '1 ms'";
const EXPIRY: &str = "CASE WHEN $8 THEN NULL ELSE t + ($9 + $7) * interval '1 ms' END";
const HOUR: &str = "ceil(extract(epoch FROM t + ($9 + $7) * interval '1 ms') / 3600)::int8";
const CLOCK: &str = "(SELECT clock_timestamp() AS t) AS clock";
/// The claim stands.
const HELD: &str = "key = $1 AND owner = $2 AND fence = $3 AND state = 0";
const NOT_EXPIRED: &str = "(expires_at IS NULL OR expires_at > now())";
const OLDEST_FIRST: &str =
    "ORDER BY CASE WHEN state = 0 AND lease_until <= now() THEN lease_until ELSE since END LIMIT $1";

const BYTES: Type = Type::BYTEA;
const TEXT: Type = Type::TEXT;
const LONG: Type = Type::INT8;
const SHORT: Type = Type::INT2;

pub(super) struct Statements {
    /// No row: somebody's was committed after the snapshot of this statement. No owner in it: it is granted.
    pub(super) claim: Statement,
    pub(super) take_over: Statement,
    pub(super) renew: Statement,
    pub(super) complete: Statement,
    pub(super) release: Statement,
    /// Ends those of these claims that run.
    pub(super) part: Statement,
    pub(super) is_settled: Statement,
    pub(super) look: Statement,
    pub(super) inspect: Statement,
    pub(super) in_doubt: Statement,
    pub(super) find: Statement,
    pub(super) decide: Statement,
    /// Removes some of what has expired.
    pub(super) sweep: Statement,
    /// What has not expired at its hour after all is looked at again later, so that no sweep sees it twice.
    pub(super) postpone: Statement,
    /// Draws permits of a limit: how many, and in how many microseconds there may be some.
    pub(super) draw: Statement,
    /// Removes some of the limits that are full.
    pub(super) sweep_quotas: Statement,
}

impl Statements {
    /// Over the tables of this schema.
    pub(super) fn new(schema: &str) -> Self {
        let table = format!("{schema}.resilience_record");
        let quotas = format!("{schema}.resilience_quota");
        // A literal, as the name of a table in a text.
        let fence = format!("nextval('{}.resilience_fence')", schema.replace('\'', "''"));
        Self {
            claim: claim(&table, &fence),
            take_over: take_over(&table, &fence),
            renew: renew(&table),
            complete: complete(&table),
            release: release(&table),
            part: part(&table),
            is_settled: is_settled(&table),
            look: look(&table),
            inspect: inspect(&table),
            in_doubt: in_doubt(&table),
            find: find(&table),
            decide: decide(&table),
            sweep: sweep(&table),
            postpone: postpone(&table),
            draw: draw(&quotas),
            sweep_quotas: sweep_quotas(&quotas),
        }
    }
}

fn statement(sql: String, types: &'static [Type]) -> Statement {
    Statement { sql, types }
}

/// A duplicate is looked for before the insert: one that would come upon its row draws a fence all the same, and every
/// now and then a fence that was drawn has to be synced.
fn claim(table: &str, fence: &str) -> Statement {
    let sql = format!(
        "WITH granted AS (INSERT INTO {table} (key, site, text, owner, fence, attempt, fingerprint, version, ttl_ms, \
         at_most_once, state, since, lease_until, expires_at, sweep_hour) \
         SELECT $1, $2, $3, $4, {fence}, 1, $5, $6, $7, $8, 0, t, {LEASE}, {EXPIRY}, {HOUR} FROM {CLOCK} \
         WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE key = $1) ON CONFLICT (key) DO NOTHING RETURNING fence) \
         SELECT NULL::bytea, fence, 1::int8, NULL::bytea, 0::int8, false, 0::int2, NULL::timestamptz, \
         NULL::timestamptz, NULL::bytea, NULL::timestamptz FROM granted \
         UNION ALL SELECT {JUDGED} FROM {table} WHERE key = $1"
    );
    statement(sql, &[BYTES, TEXT, TEXT, BYTES, BYTES, LONG, LONG, Type::BOOL, LONG])
}

/// What was read of the record is still so, and with it what was decided: each change changes one of these.
fn take_over(table: &str, fence: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET site = $2, text = $3, owner = $4, fence = greatest(fence + 1, {fence}), attempt = $10, \
         fingerprint = $5, version = $6, ttl_ms = $7, at_most_once = $8, state = 0, since = t, lease_until = {LEASE}, \
         expires_at = {EXPIRY}, sweep_hour = greatest(sweep_hour, {HOUR}), body = NULL FROM {CLOCK} \
         WHERE key = $1 AND owner = $11 AND fence = $12 AND state = $13 AND lease_until = $14 RETURNING fence"
    );
    let types = &[
        BYTES,
        TEXT,
        TEXT,
        BYTES,
        BYTES,
        LONG,
        LONG,
        Type::BOOL,
        LONG,
        LONG,
        BYTES,
        LONG,
        SHORT,
        Type::TIMESTAMPTZ,
    ];
    statement(sql, types)
}

/// An operator's word: about the record as he saw it, and nobody owns it from here on.
fn decide(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET owner = ''::bytea, state = $6, body = $7, since = clock_timestamp(), \
         expires_at = clock_timestamp() + $8 * interval '1 ms' \
         WHERE key = $1 AND owner = $2 AND fence = $3 AND state = $4 AND lease_until = $5 RETURNING fence"
    );
    statement(sql, &[BYTES, BYTES, LONG, SHORT, Type::TIMESTAMPTZ, SHORT, BYTES, LONG])
}

fn renew(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET lease_until = clock_timestamp() + $4 * interval '1 ms', expires_at = CASE \
         WHEN at_most_once THEN NULL ELSE clock_timestamp() + ($4 + ttl_ms) * interval '1 ms' END \
         WHERE {HELD} RETURNING fence"
    );
    statement(sql, &[BYTES, BYTES, LONG, LONG])
}

fn complete(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET state = $4, version = $5, body = $6, since = clock_timestamp(), \
         expires_at = clock_timestamp() + $7 * interval '1 ms' WHERE {HELD} RETURNING fence"
    );
    statement(sql, &[BYTES, BYTES, LONG, SHORT, LONG, BYTES, LONG])
}

fn release(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET state = 2, since = clock_timestamp(), \
         expires_at = clock_timestamp() + ttl_ms * interval '1 ms' WHERE {HELD} RETURNING fence"
    );
    statement(sql, &[BYTES, BYTES, LONG])
}

/// Those whose callers never heard of them have no fence. What waits for an operator waits for as long as it takes.
fn part(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} AS record SET state = gone.state, since = clock_timestamp(), expires_at = CASE \
         WHEN record.at_most_once AND gone.state = 1 THEN NULL \
         ELSE clock_timestamp() + record.ttl_ms * interval '1 ms' END \
         FROM unnest($1, $2, $3, $4) AS gone (key, owner, fence, state) \
         WHERE record.key = gone.key AND record.owner = gone.owner AND record.state = 0 \
         AND (gone.fence IS NULL OR record.fence = gone.fence)"
    );
    statement(sql, &[Type::BYTEA_ARRAY, Type::BYTEA_ARRAY, Type::INT8_ARRAY, Type::INT2_ARRAY])
}

/// As it was to be, or with a result.
fn is_settled(table: &str) -> Statement {
    let sql = format!(
        "SELECT state >= 3 OR state = $4 FROM {table} WHERE key = $1 AND owner = $2 AND fence = $3 AND state <> 0"
    );
    statement(sql, &[BYTES, BYTES, LONG, SHORT])
}

fn look(table: &str) -> Statement {
    let sql = format!(
        "SELECT state, lease_until <= clock_timestamp(), version, body FROM {table} WHERE key = $1 AND fence = $2"
    );
    statement(sql, &[BYTES, LONG])
}

fn inspect(table: &str) -> Statement {
    statement(format!("SELECT {JUDGED}, {SHOWN} FROM {table} WHERE key = $1"), &[BYTES])
}

fn in_doubt(table: &str) -> Statement {
    let sql = format!(
        "SELECT {JUDGED}, {SHOWN} FROM {table} WHERE (state = 1 OR state = 0 AND lease_until <= now()) AND {NOT_EXPIRED} \
         {OLDEST_FIRST}"
    );
    statement(sql, &[LONG])
}

fn find(table: &str) -> Statement {
    let sql = format!(
        "SELECT {JUDGED}, {SHOWN} FROM {table} WHERE (text = $2 OR right(text, char_length($2) + 1) = '/' || $2) \
         AND {NOT_EXPIRED} {OLDEST_FIRST}"
    );
    statement(sql, &[LONG, TEXT])
}

/// Only `now()`, an integer and a limit that is written out go by the indexes: `clock_timestamp()`, a fraction or a parameter
/// would read the whole table. (A small one is read all the same: it is cheaper.)
fn sweep(table: &str) -> Statement {
    let sql = format!(
        "DELETE FROM {table} WHERE key IN (SELECT key FROM {table} \
         WHERE sweep_hour <= floor(extract(epoch FROM now()) / 3600)::int8 AND expires_at <= now() \
         ORDER BY sweep_hour LIMIT {BATCH} FOR UPDATE SKIP LOCKED) RETURNING 1"
    );
    statement(sql, &[])
}

fn postpone(table: &str) -> Statement {
    let sql = format!(
        "UPDATE {table} SET sweep_hour = 1 + ceil(extract(epoch FROM coalesce(expires_at, now() + interval '1 day')) \
         / 3600)::int8 WHERE key IN (SELECT key FROM {table} \
         WHERE sweep_hour <= floor(extract(epoch FROM now()) / 3600)::int8 AND {NOT_EXPIRED} \
         ORDER BY sweep_hour LIMIT {BATCH} FOR UPDATE SKIP LOCKED) RETURNING 1"
    );
    statement(sql, &[])
}

/// A permit of the limit $1 comes back every $2 µs, all of them in $3 µs; $4 to $5 are wanted. As in `rate_limit/gcra.rs`. The
/// time is that before the row was locked: with an older one there is less.
fn draw(table: &str) -> Statement {
    const MICROS: &str = "(extract(epoch FROM clock_timestamp()) * 1000000)::int8";
    const HOUR: &str = "(t / 3600000000 + 2)";
    let now = "(EXCLUDED.arrival - ceil($5 * $2)::int8)";
    // One that is so far ahead comes of a clock that was set back.
    let arrival = format!(
        "(CASE WHEN quotas.arrival > {now} + 2 * $3 + 10000000 THEN {now} + $3 ELSE greatest(quotas.arrival, {now}) END)"
    );
    let left = format!("least(floor(({now} + $3 - {arrival}) / $2)::int8, $5)");
    let granted = format!("(CASE WHEN {left} < $4 THEN 0 ELSE {left} END)");
    let sql = format!(
        "INSERT INTO {table} AS quotas (quota, arrival, granted, sweep_hour) \
         SELECT $1, t + ceil($5 * $2)::int8, $5, {HOUR} FROM (SELECT {MICROS} AS t) AS clock \
         ON CONFLICT (quota) DO UPDATE SET arrival = {arrival} + ceil({granted} * $2)::int8, granted = {granted}, \
         sweep_hour = greatest(quotas.sweep_hour, EXCLUDED.sweep_hour) \
         RETURNING granted, arrival + ceil($4 * $2)::int8 - $3 - {MICROS}"
    );
    statement(sql, &[BYTES, Type::FLOAT8, LONG, LONG, LONG])
}

fn sweep_quotas(table: &str) -> Statement {
    let sql = format!(
        "DELETE FROM {table} WHERE quota IN (SELECT quota FROM {table} \
         WHERE sweep_hour <= floor(extract(epoch FROM now()) / 3600)::int8 \
         AND arrival <= (extract(epoch FROM now()) * 1000000)::int8 \
         ORDER BY sweep_hour LIMIT {BATCH} FOR UPDATE SKIP LOCKED) RETURNING 1"
    );
    statement(sql, &[])
}
