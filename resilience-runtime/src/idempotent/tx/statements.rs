//! What is said in the transaction of a caller. Each text is one message: a round trip, whatever it takes to say it.
//!
//! A claim is written as *in doubt*, which nobody sees before the transaction is committed, and by then the result stands
//! in its place. If it does not, since somebody commits after a call that was cut, *in doubt* is what it is.

use std::fmt::Write as _;
use std::time::Duration;

use crate::ledger::table::{self, IN_DOUBT};
use crate::ledger::{Request, Stored};

use super::found::Found;

const CLOCK: &str = "(SELECT clock_timestamp() AS t) AS clock";
const FENCE: &str = "nextval('resilience_fence')";

/// All that `Found` wants to know.
const COLUMNS: &str = "encode(owner, 'hex'), state, fence, attempt, encode(fingerprint, 'hex'), version, at_most_once::int, \
                       encode(body, 'hex'), (extract(epoch FROM lease_until) * 1000000)::int8, \
                       (extract(epoch FROM expires_at) * 1000000)::int8, \
                       (extract(epoch FROM clock_timestamp()) * 1000000)::int8, \
                       (SELECT version FROM resilience_schema)";

/// The statements of one call.
pub(super) struct Statements<'a> {
    request: &'a Request<'a>,
    key: String,
    owner: String,
}

impl<'a> Statements<'a> {
    pub(super) fn of(request: &'a Request<'a>) -> Self {
        let owner = format!("{:032x}", request.owner);
        Self { request, key: bytes(request.key.as_bytes()), owner }
    }

    /// As `Found` reads it.
    pub(super) fn owner(&self) -> &str {
        &self.owner
    }

    /// Where the transaction goes back to if the call fails. The name is the call's own: one that was cut leaves its
    /// savepoint behind, and nobody goes back to it by mistake.
    pub(super) fn begin(&self) -> String {
        format!("SAVEPOINT resilience_{}; ", self.owner)
    }

    pub(super) fn end(&self) -> String {
        end(&self.owner)
    }

    /// Writes the claim if there is no record, and tells what there is. Waits for a transaction that has written one. It
    /// sees what that one has committed: under READ COMMITTED each statement has a snapshot of its own.
    pub(super) fn claim(&self, longest_wait: Option<Duration>) -> String {
        let Self { request, key, owner } = self;
        let (site, text, fingerprint) =
            (text(request.site.to_owned()), text(request.as_written()), self.fingerprint());
        let (version, ttl, hour) = (request.version, table::millis(request.ttl), self.hour());
        let insert = format!(
            "INSERT INTO resilience_record (key, site, text, owner, fence, attempt, fingerprint, version, ttl_ms, \
             at_most_once, state, since, lease_until, expires_at, sweep_hour) \
             SELECT {key}, {site}, {text}, decode('{owner}', 'hex'), {FENCE}, 1, {fingerprint}, {version}, {ttl}, \
             true, {IN_DOUBT}, t, t, NULL, {hour} FROM {CLOCK} ON CONFLICT (key) DO NOTHING; "
        );
        self.waiting(longest_wait, &insert)
    }

    /// The same where there is a record that means nothing any more. It is still as it was found, or nothing happens.
    pub(super) fn take_over(&self, found: &Found, longest_wait: Option<Duration>) -> String {
        let Self { request, key, owner } = self;
        let (site, text, fingerprint) =
            (text(request.site.to_owned()), text(request.as_written()), self.fingerprint());
        let (version, ttl, hour) = (request.version, table::millis(request.ttl), self.hour());
        let Found { owner: was, state, fence, lease_until, .. } = found;
        let attempt = found.next_attempt();
        let update = format!(
            "UPDATE resilience_record SET site = {site}, text = {text}, owner = decode('{owner}', 'hex'), \
             fence = greatest(fence + 1, {FENCE}), attempt = {attempt}, fingerprint = {fingerprint}, \
             version = {version}, ttl_ms = {ttl}, at_most_once = true, state = {IN_DOUBT}, since = t, lease_until = t, \
             expires_at = NULL, sweep_hour = greatest(sweep_hour, {hour}), body = NULL FROM {CLOCK} \
             WHERE key = {key} AND owner = decode('{was}', 'hex') AND state = {state} AND fence = {fence} \
             AND (extract(epoch FROM lease_until) * 1000000)::int8 = {lease_until}; "
        );
        self.waiting(longest_wait, &update)
    }

    fn fingerprint(&self) -> String {
        self.request.fingerprint.as_ref().map_or_else(|| "NULL::bytea".to_owned(), |print| bytes(print))
    }

    fn hour(&self) -> String {
        let ttl = table::millis(self.request.ttl);
        format!("ceil(extract(epoch FROM t + {ttl} * interval '1 ms') / 3600)::int8")
    }

    /// A change that may wait for another transaction, and what there is afterwards. The caller's own limit counts if it
    /// is shorter, and stands again when this is over.
    fn waiting(&self, longest: Option<Duration>, change: &str) -> String {
        let key = &self.key;
        let look = format!("SELECT {COLUMNS} FROM resilience_record WHERE key = {key}; ");
        let Some(longest) = longest else { return format!("{change}{look}") };
        // Zero would be no limit, and this is the longest that it takes.
        let limit = longest.as_millis().clamp(1, i32::MAX.unsigned_abs().into());
        format!(
            "SELECT set_config('resilience.lock_timeout', current_setting('lock_timeout'), true), \
             set_config('lock_timeout', CASE WHEN current_setting('lock_timeout')::interval \
             BETWEEN interval '1 ms' AND interval '{limit} ms' THEN current_setting('lock_timeout') \
             ELSE '{limit}ms' END, true); \
             {change}SELECT set_config('lock_timeout', current_setting('resilience.lock_timeout'), true); {look}"
        )
    }
}

/// The result takes the place of the claim, which is the transaction's own. If the body has ended the transaction there is
/// no savepoint any more, and this fails.
pub(super) fn complete(request_key: &[u8; 32], owner: &str, result: &Stored, ttl: Duration) -> String {
    let (key, (state, body)) = (bytes(request_key), table::written(&result.body));
    let body = body.map_or_else(|| "NULL".to_owned(), bytes);
    let (version, ttl) = (result.version, table::millis(ttl));
    let end = end(owner);
    format!(
        "UPDATE resilience_record SET state = {state}, version = {version}, body = {body}, since = clock_timestamp(), \
         expires_at = clock_timestamp() + {ttl} * interval '1 ms' \
         WHERE key = {key} AND owner = decode('{owner}', 'hex'); {end}"
    )
}

/// Nothing of the call is left in the transaction, which can go on.
pub(super) fn undo(owner: &str) -> String {
    let end = end(owner);
    format!("ROLLBACK TO SAVEPOINT resilience_{owner}; {end}")
}

fn end(owner: &str) -> String {
    format!("RELEASE SAVEPOINT resilience_{owner};")
}

/// A value, safe from its own contents.
fn bytes(bytes: &[u8]) -> String {
    let mut literal = String::with_capacity(bytes.len() * 2 + 16);
    literal.push_str("decode('");
    for byte in bytes {
        let _ = write!(literal, "{byte:02x}");
    }
    literal.push_str("', 'hex')");
    literal
}

fn text(text: String) -> String {
    format!("convert_from({}, 'UTF8')", bytes(table::text(text).as_bytes()))
}
