//! The ledger on Redis or Valkey.

mod line;
mod script;
mod url;

pub(crate) use line::Line;
pub(crate) use script::Script;
pub(crate) use url::{Settings, is_meant};
