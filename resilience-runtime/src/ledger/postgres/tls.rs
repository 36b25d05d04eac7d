//! TLS to the server.

use deadpool_postgres::{ConfigConnectImpl, Connect};

use super::fault::Fault;
use super::url::Tls;

/// Makes connections.
#[cfg(not(feature = "tls"))]
#[expect(clippy::unnecessary_wraps, reason = "as the other one")]
pub(super) fn connector(_: &Tls) -> Result<Box<dyn Connect>, Fault> {
    Ok(Box::new(ConfigConnectImpl { tls: tokio_postgres::NoTls }))
}

#[cfg(feature = "tls")]
pub(super) fn connector(tls: &Tls) -> Result<Box<dyn Connect>, Fault> {
    Ok(Box::new(ConfigConnectImpl { tls: rustls::Connector::new(tls)? }))
}

#[cfg(feature = "tls")]
mod rustls;
