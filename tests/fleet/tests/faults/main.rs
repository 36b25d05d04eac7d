//! What a ledger on a server survives. Each fault is a test, on PostgreSQL and on Redis.
#![allow(missing_docs)]

mod fleet;
mod pauses;
mod replies;
mod restarts;
mod seeds;
mod stalls;
mod steps;
mod storm;

/// The same test on both servers, and what else it needs.
macro_rules! on_both {
    ($($(#[$attr:meta])* $name:ident)*) => { $(crate::on_both! { @ $(#[$attr])* $name })* };
    ($name:ident, $($need:ident),+) => { crate::on_both! { @ $name $(, $need)+ } };
    (@ $(#[$attr:meta])* $name:ident $(, $need:ident)*) => { mod $name {
        #[test]
        $(#[$attr])*
        fn on_postgres() {
            resilience_servers::need!(Postgres $(, $need)*);
            super::$name(&crate::fleet::Fleet::postgres());
        }

        #[test]
        $(#[$attr])*
        fn on_redis() {
            resilience_servers::need!(Redis $(, $need)*);
            super::$name(&crate::fleet::Fleet::redis());
        }
    } };
}
pub(crate) use on_both;
