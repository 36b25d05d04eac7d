//! What a ledger on a server survives. Each fault is a test, on PostgreSQL and on Redis.
#![allow(missing_docs)]

mod fleet;
mod pauses;
mod replies;
mod restarts;
mod stalls;
mod steps;
mod storm;

/// The same test on both servers, and what else it needs.
macro_rules! on_both {
    ($($name:ident)*) => { $(crate::on_both! { @ $name })* };
    ($name:ident, $($need:ident),+) => { crate::on_both! { @ $name $(, $need)+ } };
    (@ $name:ident $(, $need:ident)*) => { mod $name {
        #[test]
        fn on_postgres() {
            resilience_servers::need!(Postgres $(, $need)*);
            super::$name(&crate::fleet::Fleet::postgres());
        }

        #[test]
        fn on_redis() {
            resilience_servers::need!(Redis $(, $need)*);
            super::$name(&crate::fleet::Fleet::redis());
        }
    } };
}
pub(crate) use on_both;
