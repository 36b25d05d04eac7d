//! The connection to one server: one for all calls, and a new one where it broke.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, RedisResult, ServerErrorKind};
use tokio::sync::watch;

use super::outage::Outage;
use super::tls;
use super::url::Settings;
use crate::background;
use crate::time::Tick;

/// The connection to one server. The crate has a `ConnectionManager` for this, but one that was refused once while it
/// connected anew (a password that is being changed, a server that is full) never tries again.
#[derive(Clone)]
pub(crate) struct Link(Arc<Inner>);

struct Inner {
    client: Client,
    config: AsyncConnectionConfig,
    /// Requests only read it, so that none of them waits for another.
    held: RwLock<Held>,
    connecting: Mutex<Connecting>,
}

#[derive(Default)]
struct Held {
    connection: Option<MultiplexedConnection>,
    /// Of the connections so far: nobody puts down another one than its own.
    number: u64,
}

struct Connecting {
    outage: Outage,
    /// A task connects, and tells all who wait.
    attempt: Option<watch::Receiver<Told>>,
}

/// How an attempt to connect has ended, once it has.
type Told = Option<RedisResult<Numbered>>;
type Numbered = (u64, MultiplexedConnection);

impl Link {
    pub(super) fn new(settings: &Settings) -> RedisResult<Self> {
        let node = settings
            .nodes
            .first()
            .cloned()
            .ok_or(RedisError::from((ErrorKind::InvalidClientConfig, "no host")))?;
        Ok(Self(Arc::new(Inner {
            client: tls::client(node, settings.roots.as_deref())?,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(settings.connect_timeout))
                .set_response_timeout(Some(settings.timeout)),
            held: RwLock::default(),
            connecting: Mutex::new(Connecting { outage: Outage::new(), attempt: None }),
        })))
    }

    fn at_hand(&self) -> Option<Numbered> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        Some((held.number, held.connection.clone()?))
    }

    /// The connection, or a new one. While the server is away, nobody waits for it.
    pub(super) async fn connection(&self) -> RedisResult<Numbered> {
        if let Some(connection) = self.at_hand() {
            return Ok(connection);
        }
        let mut attempt = match self.attempt() {
            Ok(attempt) => attempt,
            Err(known) => return known,
        };
        let told = attempt.wait_for(Option::is_some).await;
        told.ok().and_then(|told| told.clone()).unwrap_or_else(|| Err(ended(None)))
    }

    /// The attempt that is under way, or a new one; or what is known without one.
    fn attempt(&self) -> Result<watch::Receiver<Told>, RedisResult<Numbered>> {
        let mut connecting = self.0.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(connection) = self.at_hand() {
            return Err(Ok(connection));
        }
        if let Some(attempt) = connecting.attempt.as_ref().filter(|attempt| attempt.has_changed().is_ok()) {
            return Ok(attempt.clone());
        }
        connecting.outage.check(Tick::now()).map_err(Err)?;
        let (tell, attempt) = watch::channel(None);
        connecting.attempt = Some(attempt.clone());
        drop(connecting);
        background::spawn(self.clone().connect(tell));
        Ok(attempt)
    }

    async fn connect(self, tell: watch::Sender<Told>) {
        let (client, config) = (self.0.client.clone(), self.0.config.clone());
        let connected =
            background::spawn(
                async move { client.get_multiplexed_async_connection_with_config(&config).await },
            );
        let connected = connected.await.unwrap_or_else(|error| Err(ended(Some(&error))));
        let mut connecting = self.0.connecting.lock().unwrap_or_else(PoisonError::into_inner);
        connecting.outage.note(&connected, Tick::now());
        connecting.attempt = None;
        let connected = connected.map(|connection| self.hold(connection));
        drop(connecting);
        tell.send_replace(Some(connected));
    }

    fn hold(&self, connection: MultiplexedConnection) -> Numbered {
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        held.number += 1;
        held.connection = Some(connection.clone());
        (held.number, connection)
    }

    pub(super) async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(MultiplexedConnection) -> RedisResult<T>,
    ) -> RedisResult<T> {
        let (number, connection) = self.connection().await?;
        let answer = ask(connection).await;
        if answer.as_ref().is_err_and(is_of_no_use) {
            let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
            if held.number == number {
                held.connection = None;
            }
        }
        answer
    }
}

/// Why nobody connects any more.
fn ended(error: Option<&tokio::task::JoinError>) -> RedisError {
    let why = if error.is_some_and(tokio::task::JoinError::is_panic) {
        // rustls panics where several of its providers are built in, and none is chosen.
        "TLS cannot be set up: choose a provider with rustls's `CryptoProvider::install_default` at the start"
    } else {
        "the tokio runtime that connects has ended"
    };
    (ErrorKind::Client, why).into()
}

/// Whether another connection may do better. Where no answer came in time, it may be one of which the other end knows
/// nothing any more; and what has become a replica may have left its name to the new primary.
fn is_of_no_use(error: &RedisError) -> bool {
    error.is_timeout() || is_lost(error)
}

/// The server may not have done it, and another connection is likely to be answered.
pub(super) fn is_lost(error: &RedisError) -> bool {
    (error.is_unrecoverable_error() && !error.is_timeout())
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}
