//! Throwaway servers for the tests: each on a port of its own, with its data in a temporary folder, and gone with the
//! test, however the test ends.
//!
//! ```
//! use resilience_servers::{Postgres, Proxy, need};
//!
//! # fn a_test() {
//! need!(Postgres);
//! let server = Postgres::start();
//! let proxy = Proxy::start(server.port());
//! proxy.swallow_reply(1);
//! server.kill9();
//! server.start_again();
//! # }
//! ```
//!
//! Whatever is wrong with a server fails the test that asked for it: everything here panics, and nothing returns errors.
#![expect(clippy::missing_panics_doc, reason = "a server that cannot serve fails its test, everywhere")]
#![forbid(unsafe_code)]

mod family;
mod kind;
mod place;
mod port;
mod postgres;
mod proxy;
mod redis;
mod resp;
mod server;
mod skip;
mod template;

pub use kind::{Kind, Missing, available};
pub use postgres::Postgres;
pub use proxy::{Counts, Fate, Message, Proxy, Side};
pub use redis::{Persistence, Redis};
pub use server::Server;
pub use skip::{SKIPPED, are_required, can_run};
