//! The transactions that a result can be written in.

use std::pin::Pin;

use super::fault::Fault;

/// The values of a row, as text.
pub(super) type Row = Vec<Option<String>>;
/// The rows of all the statements of a script.
pub(super) type Rows<'a> = Pin<Box<dyn Future<Output = Result<Vec<Row>, Fault>> + Send + 'a>>;

/// A transaction of PostgreSQL that the caller has begun and will commit: what `tx` of `#[idempotent]` names.
///
/// | feature | types |
/// | --- | --- |
/// | `sqlx-postgres` | `sqlx::Transaction<'_, sqlx::Postgres>`, `sqlx::PgConnection` (in a transaction) |
/// | `postgres` | `tokio_postgres::Transaction<'_>`, `deadpool_postgres::Transaction<'_>` |
///
/// Nobody else implements it: a type of your own around one of these says where it is, `tx = unit.tx`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transaction that a result can be written in",
    label = "`tx` names a transaction of PostgreSQL",
    note = "with the feature `sqlx-postgres`: `&mut sqlx::PgConnection` or `&mut sqlx::Transaction<'_, sqlx::Postgres>`",
    note = "with the feature `postgres`: `&tokio_postgres::Transaction<'_>`, `&deadpool_postgres::Transaction<'_>`, or `&mut` of them",
    note = "a type around one of these says where it is: `tx = unit.tx`"
)]
pub trait Transaction: Script {}

#[diagnostic::do_not_recommend]
impl<T: Script + ?Sized> Transaction for T {}

/// Takes statements in one message, without parameters: one round trip, and nothing stays prepared on a connection that
/// is not ours.
pub trait Script {
    /// Runs them in their order, up to the first error.
    fn script(&mut self, sql: String) -> Rows<'_>;
}

/// The same by a shared reference.
pub trait SharedScript: Sync {
    /// The same.
    fn script_shared(&self, sql: String) -> Rows<'_>;
}

impl<T: Script + ?Sized> Script for &mut T {
    fn script(&mut self, sql: String) -> Rows<'_> {
        T::script(self, sql)
    }
}

impl<T: SharedScript + ?Sized> Script for &T {
    fn script(&mut self, sql: String) -> Rows<'_> {
        T::script_shared(self, sql)
    }
}

impl<T: SharedScript + ?Sized> SharedScript for &T {
    fn script_shared(&self, sql: String) -> Rows<'_> {
        T::script_shared(self, sql)
    }
}

#[cfg(feature = "sqlx-postgres")]
mod of_sqlx {
    use sqlx::postgres::{PgConnection, PgRow, Postgres};
    use sqlx::{AssertSqlSafe, Row as _};

    use super::{Row, Rows, Script};
    use crate::idempotent::tx::fault::Fault;

    impl Script for PgConnection {
        fn script(&mut self, sql: String) -> Rows<'_> {
            Box::pin(async move {
                // Built by us: what is not ours in it is in hexadecimal digits.
                let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(self).await.map_err(fault)?;
                rows.iter().map(|row| values(row).map_err(fault)).collect()
            })
        }
    }

    impl Script for sqlx::Transaction<'_, Postgres> {
        fn script(&mut self, sql: String) -> Rows<'_> {
            PgConnection::script(self, sql)
        }
    }

    fn values(row: &PgRow) -> Result<Row, sqlx::Error> {
        let value = |at| row.try_get_unchecked::<Option<String>, _>(at);
        (0..row.len()).map(value).collect()
    }

    #[allow(clippy::needless_pass_by_value)] // for `map_err`
    fn fault(error: sqlx::Error) -> Fault {
        match error.as_database_error().and_then(|said| Some((said.code()?, said.message()))) {
            Some((code, message)) => Fault::of_server(&code, message),
            None => Fault::from(error.to_string()),
        }
    }
}

#[cfg(feature = "postgres")]
mod of_tokio_postgres {
    use tokio_postgres::SimpleQueryMessage;

    use super::{Row, Rows, Script, SharedScript};
    use crate::idempotent::tx::fault::Fault;

    impl SharedScript for tokio_postgres::Transaction<'_> {
        fn script_shared(&self, sql: String) -> Rows<'_> {
            Box::pin(async move {
                let said = self.simple_query(&sql).await.map_err(fault)?;
                Ok(said.iter().filter_map(values).collect())
            })
        }
    }

    impl Script for tokio_postgres::Transaction<'_> {
        fn script(&mut self, sql: String) -> Rows<'_> {
            self.script_shared(sql)
        }
    }

    impl SharedScript for deadpool_postgres::Transaction<'_> {
        fn script_shared(&self, sql: String) -> Rows<'_> {
            (**self).script_shared(sql)
        }
    }

    impl Script for deadpool_postgres::Transaction<'_> {
        fn script(&mut self, sql: String) -> Rows<'_> {
            self.script_shared(sql)
        }
    }

    fn values(said: &SimpleQueryMessage) -> Option<Row> {
        let SimpleQueryMessage::Row(row) = said else { return None };
        Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
    }

    #[allow(clippy::needless_pass_by_value)] // for `map_err`
    fn fault(error: tokio_postgres::Error) -> Fault {
        match error.as_db_error() {
            Some(said) => Fault::of_server(said.code().code(), said.message()),
            None => Fault::from(error.to_string()),
        }
    }
}
