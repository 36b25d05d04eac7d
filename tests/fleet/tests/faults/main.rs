//! What a ledger on a server survives. Each fault is a test, on PostgreSQL and on Redis.
#![allow(missing_docs)]

mod fleet;
mod pauses;
mod replies;
mod restarts;
mod steps;
mod storm;

/// The same test on both servers.
macro_rules! on_both {
    ($($name:ident)*) => { $(mod $name {
        #[test]
        fn on_postgres() {
            resilience_servers::need!(Postgres);
            super::$name(&crate::fleet::Fleet::postgres());
        }

        #[test]
        fn on_redis() {
            resilience_servers::need!(Redis);
            super::$name(&crate::fleet::Fleet::redis());
        }
    })* };
}
pub(crate) use on_both;
