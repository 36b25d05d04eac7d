//! What follows the path of a folder: how the ledger in it is used.

use std::time::Duration;

use crate::ledger::{LedgerError, query};

const TIMEOUT: Duration = Duration::from_secs(2);

/// How long the disk may take, as `timeout=500ms` says it.
pub(crate) fn timeout(options: &str) -> Result<Duration, LedgerError> {
    let mut timeout = TIMEOUT;
    for (name, value) in query::pairs(options) {
        if name != "timeout" {
            return Err(LedgerError::new(format!(
                "{}; a path with a `?` of its own ends with another one, as in `file:./what?/ledger?`",
                query::unknown(options, name, &["timeout"])
            )));
        }
        timeout = query::time(name, value).map_err(LedgerError::new)?;
    }
    Ok(timeout)
}
