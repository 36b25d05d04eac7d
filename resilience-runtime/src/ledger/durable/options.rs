//! What follows the path of a folder: how the ledger in it is used.

use std::time::Duration;

use crate::ledger::LedgerError;

const TIMEOUT: Duration = Duration::from_secs(2);

/// How long the disk may take, as `timeout=500ms` says it.
pub(crate) fn timeout(options: &str) -> Result<Duration, LedgerError> {
    let mut timeout = TIMEOUT;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        if name != "timeout" {
            return Err(LedgerError::new(format!(
                "unknown option `{name}`: a folder has `timeout`; a path with a `?` of its own ends with another one, as \
                 in `file:./what?/ledger?`"
            )));
        }
        timeout =
            resilience_policy::literal(value).map_err(|why| LedgerError::new(format!("`timeout`: {why}")))?;
        if timeout.is_zero() {
            return Err(LedgerError::new("`timeout` is zero: nothing is ever on disk by then"));
        }
    }
    Ok(timeout)
}
