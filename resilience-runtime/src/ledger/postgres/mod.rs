//! The ledger on PostgreSQL. Every statement is a transaction of its own under READ COMMITTED, and every moment is by the
//! clock of the server. No statement asks for what CockroachDB and YugabyteDB lack: no advisory locks, no LISTEN, no two
//! changes of one table in one statement, no `xmin`.

mod fault;
mod lending;
mod pool;
mod row;
mod schema;
mod statements;
mod store;
mod sweep;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::sync::Arc;
use std::time::Duration;

use super::LedgerError;
use super::remote::Remote;
use fault::Fault;
use pool::Pool;
use statements::Statements;
pub(crate) use store::PostgresStore;
use sweep::Sweeper;
use url::Options;

/// Connections for operators and the sweep, and how long what they ask may take: they may read the whole table.
const CHORES: usize = 2;
const CHORE: Duration = Duration::from_mins(1);

/// The ledger on the server of this URL.
pub(crate) async fn open(url: &str) -> Result<Remote<PostgresStore>, LedgerError> {
    let options = Options::parse(url)?;
    let store = tokio::time::timeout(CHORE, PostgresStore::open(&options)).await;
    let store = store.unwrap_or_else(|_| Err(Fault::new(format!("no answer within {CHORE:?}"))))?;
    Ok(Remote::new(store, options.timeout))
}

impl PostgresStore {
    async fn open(options: &Options) -> Result<Self, Fault> {
        let chores = Arc::new(Pool::new(options, CHORES, CHORE)?);
        let schema = schema::prepare(&chores, options).await?;
        let calls = Pool::new(options, options.pool_max, options.timeout)?;
        let statements = Arc::new(Statements::new(&schema));
        // The columns are known, and the first call finds a connection.
        let asked = calls.ask(&statements.inspect, &[&[0_u8; 32].as_slice()]).await;
        asked
            .map_err(|fault| Fault::new(format!("its tables are not as this library makes them: {fault}")))?;
        let sweeper = Sweeper::start(Arc::clone(&chores), Arc::clone(&statements));
        Ok(Self { statements, calls, chores, _sweeper: sweeper })
    }
}
