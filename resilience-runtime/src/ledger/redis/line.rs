//! The connection: one for all calls, and a new one where it broke.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::runtime::Handle;

use super::url::Settings;
use crate::ledger::LedgerError;
use crate::time::Tick;

/// How often a command of a cluster follows its key to another node, or waits for a new one.
const CLUSTER_TRIES: u32 = 6;
/// Milliseconds between these tries.
const CLUSTER_PAUSES: (u64, u64) = (20, 500);

/// The way to a server, or to the nodes of a cluster.
pub(crate) enum Line {
    One(Link),
    Cluster(ClusterConnection),
}

impl Line {
    /// Connects, so that what is wrong with the address or the password is said at once.
    pub(crate) async fn open(settings: &Settings) -> RedisResult<Self> {
        if settings.cluster {
            return Ok(Self::Cluster(cluster(settings)?.get_async_connection().await?));
        }
        let link = Link::new(settings)?;
        link.connection().await?;
        Ok(Self::One(link))
    }

    /// One command, one answer. An error of the way says nothing about whether the server did it.
    pub(crate) async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One(link) => {
                link.with(async |mut connection| command.query_async(&mut connection).await).await
            }
            Self::Cluster(connection) => command.query_async(&mut connection.clone()).await,
        }
    }

    /// All that take writes, and only they.
    pub(super) async fn nodes(&self) -> RedisResult<Vec<Node>> {
        let Self::Cluster(connection) = self else { return Ok(vec![Node::Only]) };
        let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let answers = connection.clone().route_command(redis::cmd("PING"), all).await?;
        let answers: std::collections::BTreeMap<String, Value> = redis::from_redis_value(answers)?;
        let node = |name: &String| {
            let (host, port) = name.rsplit_once(':')?;
            Some(Node::At { host: host.to_owned(), port: port.parse().ok()? })
        };
        let nodes: Option<_> = answers.keys().map(node).collect();
        nodes.ok_or_else(|| (ErrorKind::Parse, "a node with an address that is none").into())
    }

    /// A command that is about one node, and not about a key.
    pub(super) async fn ask_at(&self, node: &Node, command: Cmd) -> RedisResult<Value> {
        match (self, node.route()) {
            (Self::Cluster(connection), Some(route)) => {
                connection.clone().route_command(command, RoutingInfo::SingleNode(route)).await
            }
            _ => self.ask(&command).await,
        }
    }

    /// The same with many of them, all in one round trip. One that failed is an answer of its own.
    pub(super) async fn ask_all(&self, node: &Node, commands: Pipeline) -> RedisResult<Vec<Value>> {
        let count = commands.len();
        match (self, node.route()) {
            (Self::Cluster(connection), Some(route)) => {
                connection.clone().route_pipeline(commands, 0, count, route).await
            }
            (Self::Cluster(connection), None) => {
                connection.clone().req_packed_commands(&commands, 0, count).await
            }
            (Self::One(link), _) => {
                link.with(async |mut connection| connection.req_packed_commands(&commands, 0, count).await)
                    .await
            }
        }
    }

    /// What each of them says of itself. Nothing, where it may not be asked.
    pub(super) async fn info(&self) -> RedisResult<Vec<Option<String>>> {
        let mut infos = Vec::new();
        for node in self.nodes().await? {
            infos.push(match self.ask_at(&node, redis::cmd("INFO")).await {
                Ok(info) => Some(redis::from_redis_value(info)?),
                Err(error) if error.code() == Some("NOPERM") => None,
                Err(error) => return Err(error),
            });
        }
        Ok(infos)
    }
}

/// One of those that keep records.
pub(super) enum Node {
    /// There is no other.
    Only,
    At {
        host: String,
        port: u16,
    },
}

impl Node {
    fn route(&self) -> Option<SingleNodeRoutingInfo> {
        match self {
            Self::Only => None,
            Self::At { host, port } => {
                Some(SingleNodeRoutingInfo::ByAddress { host: host.clone(), port: *port })
            }
        }
    }
}

fn cluster(settings: &Settings) -> RedisResult<ClusterClient> {
    ClusterClientBuilder::new(settings.nodes.iter().cloned())
        .connection_timeout(settings.connect_timeout)
        .response_timeout(settings.timeout)
        .retries(CLUSTER_TRIES)
        .min_retry_wait(CLUSTER_PAUSES.0)
        .max_retry_wait(CLUSTER_PAUSES.1)
        .build()
}

/// The connection to one server. The crate has a `ConnectionManager` for this, but one that was refused once while it
/// connected anew (a password that is being changed, a server that is full) never tries again.
pub(crate) struct Link {
    client: Client,
    config: AsyncConnectionConfig,
    /// Of the runtime in which the ledger was opened: a connection outlives whoever asked for it.
    background: Handle,
    held: Mutex<Held>,
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
    fn new(settings: &Settings) -> RedisResult<Self> {
        let node = settings
            .nodes
            .first()
            .cloned()
            .ok_or(RedisError::from((ErrorKind::InvalidClientConfig, "no host")))?;
        Ok(Self {
            client: Client::open(node)?,
            config: AsyncConnectionConfig::new()
                .set_connection_timeout(Some(settings.connect_timeout))
                .set_response_timeout(Some(settings.timeout)),
            background: Handle::current(),
            held: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at_hand(&self) -> Option<(u64, MultiplexedConnection)> {
        let held = self.held();
        Some((held.number, held.connection.clone()?))
    }

    /// The connection, or a new one. While the server is away, nobody waits for it.
    async fn connection(&self) -> RedisResult<(u64, MultiplexedConnection)> {
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
            Err(_) => Err((ErrorKind::Client, "the runtime that opened the ledger has ended").into()),
        };
        let connection = backoff.note(connected, Tick::now())?;
        let mut held = self.held();
        held.number += 1;
        held.connection = Some(connection.clone());
        Ok((held.number, connection))
    }

    async fn with<T>(
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

/// Whether another connection may do better. Where no answer came in time, it may be one of which the other end knows
/// nothing any more; and what has become a replica may have left its name to the new primary.
fn is_of_no_use(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_timeout()
        || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly)
}

/// When to connect again.
#[derive(Default)]
struct Backoff {
    failed: Option<Failed>,
}

struct Failed {
    why: RedisError,
    until: Tick,
    pause: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    /// Too early: the reason of the last failure stands.
    fn check(&self, now: Tick) -> RedisResult<()> {
        match &self.failed {
            Some(failed) if failed.until > now => Err(failed.why.clone()),
            _ => Ok(()),
        }
    }

    fn note<T>(&mut self, connected: RedisResult<T>, now: Tick) -> RedisResult<T> {
        self.failed = match &connected {
            Ok(_) => None,
            Err(why) => {
                let last = self.failed.as_ref().map(|failed| failed.pause);
                let pause = last.map_or(Self::FIRST, |last| (last * 2).min(Self::LONGEST));
                // Scattered, so that a fleet does not come back at once.
                let until = now.after(pause.mul_f64(0.5 + fastrand::f64() / 2.0));
                Some(Failed { why: why.clone(), until, pause })
            }
        };
        connected
    }
}

/// The words for an error, as those who read a log need them.
pub(crate) fn words(error: &RedisError) -> LedgerError {
    LedgerError::new(format!("redis: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> RedisResult<()> {
        Err((ErrorKind::Io, "refused").into())
    }

    #[test]
    fn pauses_between_connections_grow_and_end() {
        let (mut backoff, mut now) = (Backoff::default(), Tick::BASE);
        let mut pauses = Vec::new();
        for _ in 0..8 {
            assert!(backoff.check(now).is_ok());
            assert!(backoff.note(refused(), now).is_err());
            assert!(backoff.check(now).is_err(), "at once, with the reason of the last failure");
            let until = backoff.failed.as_ref().expect("it failed").until;
            pauses.push(until.since(now));
            now = until;
        }
        assert!(pauses[0] >= Backoff::FIRST / 2 && pauses[0] <= Backoff::FIRST, "{pauses:?}");
        assert!(pauses[7] >= Backoff::LONGEST / 2 && pauses[7] <= Backoff::LONGEST, "{pauses:?}");
        assert!(backoff.note(Ok(()), now).is_ok());
        assert!(backoff.note(refused(), now).is_err());
        assert_eq!(backoff.failed.expect("it failed").pause, Backoff::FIRST, "from the start again");
    }
}
