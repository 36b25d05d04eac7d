//! The way to a server, or to a cluster.

use redis::aio::ConnectionLike;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, Pipeline, RedisError, RedisResult, Value};

use super::link::{Link, is_lost};
use super::tls;
use super::url::Settings;
use crate::ledger::{LedgerError, said};

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

    /// There is a connection to send on. An error: nothing was sent.
    pub(super) async fn ready(&self) -> RedisResult<()> {
        match self {
            Self::One(link) => link.connection().await.map(drop),
            // Its client connects where it has to.
            Self::Cluster(_) => Ok(()),
        }
    }

    /// Whether what failed so is to be sent again. The client of a cluster has done so already.
    pub(super) fn repeats(&self, error: &RedisError) -> bool {
        match self {
            Self::One(_) => is_lost(error),
            Self::Cluster(_) => false,
        }
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
    let nodes = ClusterClientBuilder::new(settings.nodes.iter().cloned());
    tls::cluster(nodes, settings.roots.as_deref())?
        .connection_timeout(settings.connect_timeout)
        .response_timeout(settings.timeout)
        .retries(CLUSTER_TRIES)
        .min_retry_wait(CLUSTER_PAUSES.0)
        .max_retry_wait(CLUSTER_PAUSES.1)
        .build()
}

/// An error as those who read a log need it. What was worth it has been sent again.
pub(crate) fn fault(error: &RedisError) -> LedgerError {
    LedgerError::lasting(words(error))
}

pub(super) fn words(error: &RedisError) -> String {
    format!("redis: {}", said::by_redis(&error.to_string()))
}
