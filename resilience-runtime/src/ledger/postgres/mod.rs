//! The ledger on PostgreSQL. Every statement is a transaction of its own under READ COMMITTED, and the clock is the
//! server's. No statement needs what CockroachDB and YugabyteDB lack: no advisory locks, no LISTEN, no two changes of one
//! table in one statement, no `xmin`.

mod fault;
mod outage;
mod pool;
mod schema;
mod tls;
mod url;

pub use schema::POSTGRES_SCHEMA;
