//! What can go wrong in a transaction of the caller's, and what the caller is to do about it.

use crate::event::reject;
use crate::{Error, Kind, Site};

/// What the server or the connection says.
#[derive(Debug)]
pub struct Fault {
    /// The SQLSTATE, where it is the server who says it.
    pub(super) code: Option<String>,
    pub(super) why: String,
}

impl Fault {
    #[cfg(any(feature = "postgres", feature = "sqlx-postgres"))]
    pub(super) fn of_server(code: &str, message: &str) -> Self {
        Self { code: Some(code.to_owned()), why: crate::ledger::said::by_postgres(code, message) }
    }

    pub(super) fn rejection(self, site: &'static Site) -> Error {
        let Self { code, why } = self;
        let (kind, help) = match code.as_deref() {
            Some("55P03") => {
                (Kind::InProgress, "the transaction of a call with this key is still open (`lock_timeout`)")
            }
            Some("40001" | "40P01") => (Kind::Conflict, "retry the function that begins this transaction"),
            Some("25P01") => {
                (Kind::Store, "this connection is in no transaction: begin one, and commit it after the call")
            }
            Some("25P02") => (
                Kind::Store,
                "a statement has failed in this transaction before, and it takes no other one: roll it back",
            ),
            Some("3B001") => (
                Kind::Store,
                "the body has ended the transaction, or has gone back to a savepoint before the call: who calls does that",
            ),
            Some("42P01") => (
                Kind::Store,
                "the tables are not in the search path of this transaction: run `resilience::ledger::POSTGRES_SCHEMA` in a \
                 migration",
            ),
            Some("42501") => (
                Kind::Store,
                "this user needs SELECT, INSERT and UPDATE on resilience_record, SELECT on resilience_schema, and USAGE on \
                 the sequence resilience_fence",
            ),
            Some("42703") => (Kind::Store, "the tables are not as this library makes them"),
            _ => return reject(Kind::Store, site).because(why),
        };
        reject(kind, site).because(format!("{help}: {why}"))
    }
}

impl From<String> for Fault {
    fn from(why: String) -> Self {
        Self { code: None, why }
    }
}
