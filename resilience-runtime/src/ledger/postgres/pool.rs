//! Connections to the server, and what is asked over them: one statement at a time, each a transaction of its own. So a
//! caller who goes away leaves nothing open on a connection.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper as Connection, Connect};
use tokio::sync::oneshot;
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Config, Row};

use super::fault::Fault;
use super::lending::{Breaks, Lending, Next, Precedence, Waits};
use super::tls;
use super::url::Options;
use crate::background;
use crate::time::{self, Tick};

/// How often a statement is sent whose answer was lost, or which the server gave up on behalf of another one. Nobody above
/// sends it again.
const TRIES: u32 = 3;
/// The longest pause before it is sent again.
const PAUSE: Duration = Duration::from_millis(25);
/// How long a connection may owe the answer to a statement that was given up. A server that stood still answers as soon as
/// it goes on, and connecting anew would take it longer.
const OWED: Duration = Duration::from_secs(30);

/// A statement, and the types of its parameters. It must do no harm where it is sent again.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) types: &'static [Type],
}

pub(crate) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

/// Whoever waits for a connection hears at most once.
type Waiter = oneshot::Sender<Result<Lent, Fault>>;

pub(crate) struct Pool(Arc<Inner>);

struct Inner {
    connector: Box<dyn Connect>,
    config: Config,
    prepare: bool,
    connect_timeout: Duration,
    lending: Mutex<Lending<Connection, Waiter>>,
}

impl Waits for Waiter {
    fn has_left(&self) -> bool {
        self.is_closed()
    }
}

impl Breaks for Connection {
    fn is_broken(&self) -> bool {
        self.is_closed()
    }
}

impl Pool {
    /// It connects when it is asked something, `most` times at once. The server gives up a statement after `limit`.
    pub(crate) fn new(options: &Options, most: usize, limit: Duration) -> Result<Self, Fault> {
        let mut config = options.config.clone();
        if options.prepare {
            config.options(session(options.config.get_options(), limit));
        }
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        Ok(Self(Arc::new(Inner {
            connector: tls::connector(&options.tls)?,
            config,
            prepare: options.prepare,
            connect_timeout: options.connect_timeout * hosts,
            lending: Mutex::new(Lending::new(most, limit)),
        })))
    }

    /// The rows of a statement. Sent again where nobody knows whether it happened, or where it certainly did not.
    pub(crate) async fn ask(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.ask_as(Precedence::First, || true, statement, parameters).await
    }

    /// The same behind all else, and only if it is still wanted once there is a connection for it.
    pub(crate) async fn ask_if(
        &self,
        is_wanted: impl Fn() -> bool,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.ask_as(Precedence::Second, is_wanted, statement, parameters).await
    }

    async fn ask_as(
        &self,
        precedence: Precedence,
        is_wanted: impl Fn() -> bool,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        for _ in 1..TRIES {
            match self.send(precedence, &is_wanted, statement, parameters).await {
                Err(fault) if fault.again() => time::pause(PAUSE.mul_f64(fastrand::f64())).await,
                answer => return answer,
            }
        }
        self.send(precedence, is_wanted, statement, parameters).await
    }

    /// What the first row of a statement says.
    pub(crate) async fn first<T: for<'a> FromSql<'a>>(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<T, Fault> {
        let rows = self.ask(statement, parameters).await?;
        let row = rows.first().ok_or_else(|| Fault::new("an empty answer".to_owned()))?;
        Ok(row.try_get(0)?)
    }

    /// The same, sent once.
    pub(crate) async fn ask_once(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        self.send(Precedence::First, || true, statement, parameters).await
    }

    async fn send(
        &self,
        precedence: Precedence,
        is_wanted: impl Fn() -> bool,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        let mut lent = self.lend(precedence).await?;
        if !is_wanted() {
            return Err(Fault::unsent("nobody waits for it any more".to_owned()));
        }
        lent.use_for(async |connection| {
            let Statement { sql, types } = statement;
            Ok(if self.0.prepare {
                let prepared = connection.prepare_typed_cached(sql, types).await?;
                connection.query(&prepared, parameters).await?
            } else {
                let typed: Vec<_> = parameters.iter().copied().zip(types.iter().cloned()).collect();
                connection.query_typed(sql, &typed).await?
            })
        })
        .await
    }

    /// Statements without parameters, in one message: the server runs all of it, whether or not somebody waits. After an
    /// error the connection is closed, and a transaction that the statements began with it.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), Fault> {
        let mut lent = self.lend(Precedence::First).await?;
        let answer =
            lent.use_for(async |connection| connection.batch_execute(sql).await.map_err(Fault::from)).await;
        lent.is_spoilt |= answer.is_err();
        answer
    }

    async fn lend(&self, precedence: Precedence) -> Result<Lent, Fault> {
        let (waiter, lent) = oneshot::channel();
        self.0.next(|lending, now| lending.arrive(waiter, precedence, now));
        lent.await.unwrap_or_else(|_| Err(Fault::unsent("the ledger is closed".to_owned())))
    }
}

impl Inner {
    /// Changes what is lent, and does what follows from it once nobody holds the lock.
    fn next(
        self: &Arc<Self>,
        change: impl FnOnce(&mut Lending<Connection, Waiter>, Tick) -> Next<Connection, Waiter>,
    ) {
        let now = Tick::now();
        let next = change(&mut self.lending.lock().unwrap_or_else(PoisonError::into_inner), now);
        if let Some((waiter, connection)) = next.hand {
            // Where the waiter has left meanwhile, the connection comes back by its drop.
            drop(waiter.send(Ok(Lent::new(Arc::clone(self), connection))));
        }
        for (waiter, why) in next.refused {
            let _ = waiter.send(Err(why)); // it may have left
        }
        if next.connect {
            background::spawn(Connecting { pool: Arc::clone(self), is_done: false }.connect());
        }
    }

    /// Waits for the answer that this connection owes: what is asked next is answered after it.
    async fn settle(self: Arc<Self>, connection: Connection) {
        let answered = tokio::time::timeout(OWED, connection.simple_query("")).await;
        let connection = matches!(answered, Ok(Ok(_))).then_some(connection);
        self.next(|lending, now| lending.settled(connection, now));
    }
}

/// A connection that is being made, for whoever waits by then.
struct Connecting {
    pool: Arc<Inner>,
    is_done: bool,
}

impl Connecting {
    async fn connect(mut self) {
        let Inner { connector, config, connect_timeout, .. } = &*self.pool;
        let connected = match tokio::time::timeout(*connect_timeout, connector.connect(config)).await {
            Ok(Ok((client, task))) => Ok(Connection::new(client, task)),
            Ok(Err(error)) => Err(Fault::connecting(&error)),
            Err(_) => Err(Fault::unsent(format!("no connection within {connect_timeout:?}"))),
        };
        self.done(connected);
    }

    fn done(&mut self, connected: Result<Connection, Fault>) {
        self.is_done = true;
        self.pool.next(|lending, now| match connected {
            Ok(connection) => lending.connected(connection, now),
            Err(fault) => lending.failed_to_connect(&fault, now),
        });
    }
}

impl Drop for Connecting {
    fn drop(&mut self) {
        // It panicked, as TLS can.
        if !self.is_done {
            self.done(Err(Fault::unsent("the task that connects has ended".to_owned())));
        }
    }
}

/// The settings of a session. Behind a pooler they are the role's: a session there is another client's soon.
fn session(theirs: Option<&str>, limit: Duration) -> String {
    let limit = limit.as_millis();
    let ours = format!(
        "-c statement_timeout={limit} -c idle_in_transaction_session_timeout={limit} \
         -c default_transaction_isolation=read\\ committed"
    );
    // The last of two of one name counts.
    theirs.map_or_else(|| ours.clone(), |theirs| format!("{ours} {theirs}"))
}

/// A connection in use. Dropped while it owes an answer, it is kept until the answer has come, and lent to nobody.
struct Lent {
    pool: Arc<Inner>,
    /// `None` in the drop.
    connection: Option<Connection>,
    since: Tick,
    /// A statement was sent, and its answer is not here.
    owes: bool,
    /// Another connection may do better.
    is_spoilt: bool,
}

impl Lent {
    fn new(pool: Arc<Inner>, connection: Connection) -> Self {
        Self { pool, connection: Some(connection), since: Tick::now(), owes: false, is_spoilt: false }
    }

    async fn use_for<T>(
        &mut self,
        ask: impl AsyncFnOnce(&Connection) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.owes = true;
        let connection = self.connection.as_ref().expect("there until the drop");
        let answer = ask(connection).await;
        self.owes = false;
        self.is_spoilt |= answer.as_ref().is_err_and(Fault::spoils_the_connection);
        answer
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        let pool = &self.pool;
        if self.is_spoilt || connection.is_closed() {
            drop(connection);
            pool.next(Lending::lost);
        } else if self.owes {
            pool.next(Lending::owes);
            background::spawn(Arc::clone(pool).settle(connection));
        } else {
            let since = self.since;
            pool.next(|lending, now| lending.returned(connection, now.since(since), now));
        }
    }
}
