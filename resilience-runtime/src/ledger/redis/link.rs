//! The connection to one server: one for all calls, and a new one where it broke.

use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::runtime::Handle;

use super::backoff::Backoff;
use super::tls;
use super::url::Settings;
use crate::time::Tick;

/// The connection to one server. The crate has a `ConnectionManager` for this, but one that was refused once while it
/// connected anew (a password that is being changed, a server that is full) never tries again.
pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    /// Of the runtime in which the ledger was opened: a connection outlives whoever asked for it.
    background: Handle,
    /// Calls only read it, so that none of them waits for another.
    held: RwLock<Held>,
    /// One connects for all.
    connecting: tokio::sync::Mutex<Backoff>,
}

#[derive(Default)]
struct Held {
    connection: Option<MultiplexedConnection>,
    /// Of the connections so far: nobody puts down another one than his own.
    number: u64,
}

impl Link {
    pub(super) fn new(settings: &Settings) -> RedisResult<Self> {
        let node = settings
            .nodes
            .first()
            .cloned()
            .ok_or(RedisError::from((ErrorKind::InvalidClientConfig, "no host")))?;
        Ok(Self {
            client: tls::client(node, settings.roots.as_deref())?,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(settings.connect_timeout))
                .set_response_timeout(Some(settings.timeout)),
            background: Handle::current(),
            held: RwLock::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    fn held(&self) -> RwLockWriteGuard<'_, Held> {
        self.held.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_hand(&self) -> Option<(u64, MultiplexedConnection)> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Some((held.number, held.connection.clone()?))
    }

    /// The connection, or a new one. While the server is away, nobody waits for it.
    pub(super) async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        if let Some(connection) = self.at_hand() {
            return Ok(connection);
        }
        let mut backoff = self.connecting.lock().await;
        if let Some(connection) = self.at_hand() {
            return Ok(connection);
        }
        backoff.check(Tick::now())?;
        let (client, config) = (self.client.clone(), self.config.clone());
        let connect = async move { client.get_multiplexed_async_connection_with_config(&config).await };
        let connected = match self.background.spawn(connect).await {
            Ok(connected) => connected,
            Err(error) => Err(ended(&error)),
        };
        let connection = backoff.note(connected, Tick::now())?;
        let mut held = self.held();
        held.number += 1;
        held.connection = Some(connection.clone());
        Ok((held.number, connection))
    }

    pub(super) async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let (number, connection) = self.connection().await?;
        let answer = ask(connection).await;
        if answer.as_ref().is_err_and(is_of_no_use) {
            let mut held = self.held();
            if held.number == number {
                held.connection = None;
            }
        }
        answer
    }
}

/// Why nobody connects any more.
fn ended(error: &tokio::task::JoinError) -> RedisError {
    let why = if error.is_panic() {
        // rustls panics where several of its providers are built in, and none is chosen.
        "TLS cannot be set up: choose a provider with rustls's `CryptoProvider::install_default` at the start"
    } else {
        "the tokio runtime that opened the ledger has ended"
    };
    (ErrorKind::Client, why).into()
}

/// Whether another connection may do better. Where no answer came in time, it may be one of which the other end knows
/// nothing any more; and what has become a replica may have left its name to the new primary.
fn is_of_no_use(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
