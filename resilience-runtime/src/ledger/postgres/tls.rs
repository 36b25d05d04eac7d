//! TLS to the server.

use deadpool_postgres::{Manager, ManagerConfig};
use tokio_postgres::Config;

use super::fault::Fault;
use super::url::Tls;

/// Makes connections.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
pub(super) fn manager(config: Config, how: ManagerConfig, _: &Tls) -> Result<Manager, Fault> {
    Ok(Manager::from_config(config, tokio_postgres::NoTls, how))
}

#[cfg(feature = "tls")]
pub(super) fn manager(config: Config, how: ManagerConfig, tls: &Tls) -> Result<Manager, Fault> {
    Ok(Manager::from_config(config, rustls::Connector::new(tls)?, how))
}

#[cfg(feature = "tls")]
mod rustls;
