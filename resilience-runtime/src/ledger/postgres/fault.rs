//! What can go wrong between here and the server, and what is to be done about it.

use std::error::Error as _;
use std::fmt::{self, Write as _};

use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

use crate::ledger::{LedgerError, said};

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    why: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    /// The connection is gone: nobody knows whether it happened.
    Lost,
    /// What the server says.
    Server(SqlState),
    /// It was never sent.
    Unsent,
    Other,
}

impl Fault {
    pub(crate) fn new(why: String) -> Self {
        Self { why, kind: Kind::Other }
    }

    /// The server has not heard of it.
    pub(super) fn unsent(why: String) -> Self {
        Self { why, kind: Kind::Unsent }
    }

    /// There is no connection, and so nothing has happened.
    pub(super) fn connecting(error: &Error) -> Self {
        Self { kind: Kind::Unsent, ..Self::from_error(error).without_quotes() }
    }

    /// Before the ledger is open, what the server quotes may be of the URL.
    pub(super) fn without_quotes(self) -> Self {
        Self { why: without_quotes(&self.why), ..self }
    }

    pub(super) fn state(&self) -> Option<&SqlState> {
        match &self.kind {
            Kind::Server(state) => Some(state),
            Kind::Lost | Kind::Unsent | Kind::Other => None,
        }
    }

    /// The server gave it up on behalf of another transaction: it has not happened.
    pub(super) fn is_conflict(&self) -> bool {
        let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
        self.state().is_some_and(|state| conflicts.contains(state))
    }

    /// To be sent again, on this connection or on another one.
    pub(super) fn again(&self) -> bool {
        self.is_conflict() || self.spoils_the_connection()
    }

    /// Another connection may do: this one is lost, is to a server that writes no longer, or knows statements of an
    /// earlier schema, or none where a pooler stands in between.
    pub(super) fn spoils_the_connection(&self) -> bool {
        let spoilt = [
            SqlState::ADMIN_SHUTDOWN,
            SqlState::CRASH_SHUTDOWN,
            SqlState::CANNOT_CONNECT_NOW,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::FEATURE_NOT_SUPPORTED,
            SqlState::INVALID_SQL_STATEMENT_NAME,
            SqlState::DUPLICATE_PSTATEMENT,
        ];
        self.kind == Kind::Lost
            || self.state().is_some_and(|state| spoilt.contains(state) || state.code().starts_with("08"))
    }

    fn from_error(error: &Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self { why: words(said), kind: Kind::Server(said.code().clone()) },
            None => {
                // What is wrong with the values is wrong on every connection.
                let lost = error.is_closed() || is_io(error);
                Self { why: chain(error), kind: if lost { Kind::Lost } else { Kind::Other } }
            }
        }
    }
}

fn is_io(error: &Error) -> bool {
    error.source().is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
}

/// Without the hint, which a trigger of the user's can write as well.
fn words(said: &DbError) -> String {
    let mut words = said::by_postgres(said.code().code(), said.message());
    if pooled(said) {
        words.push_str("; behind a pooler that hands sessions around, say `prepare=off` in the URL");
    }
    words
}

/// All from the first quotation mark to the last is left out: what is quoted may hold one.
fn without_quotes(words: &str) -> String {
    const MARKS: [char; 6] = ['"', '«', '»', '„', '“', '”'];
    match words.split_once(MARKS).and_then(|(before, rest)| Some((before, rest.rsplit_once(MARKS)?.1))) {
        Some((before, after)) => format!("{before}***{after}"),
        None => words.to_owned(),
    }
}

/// A prepared statement was looked for on a connection that has not seen it, or the pooler knows no settings of a session.
fn pooled(said: &DbError) -> bool {
    [SqlState::INVALID_SQL_STATEMENT_NAME, SqlState::DUPLICATE_PSTATEMENT].contains(said.code())
        || said.message().starts_with("unsupported startup parameter")
}

/// The error, and what it came from.
fn chain(error: &Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let _ = write!(words, ": {cause}");
        source = cause.source();
    }
    words
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::from_error(&error)
    }
}

impl From<Fault> for LedgerError {
    /// The pool has sent again what was worth it.
    fn from(fault: Fault) -> Self {
        match fault.kind {
            Kind::Unsent => Self::unsent(fault.why),
            _ => Self::lasting(fault.why),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_quotes_is_left_out() {
        for (said, told) in [
            (
                "password authentication failed for user \"s3cr\" (28P01)",
                "password authentication failed for user *** (28P01)",
            ),
            (
                "no entry for host \"h\", user \"a\"s3cr\", no encryption",
                "no entry for host ***, no encryption",
            ),
            ("Datenbank »s3cr« existiert nicht", "Datenbank *** existiert nicht"),
            ("no connection", "no connection"),
        ] {
            assert_eq!(without_quotes(said), told);
        }
    }
}
