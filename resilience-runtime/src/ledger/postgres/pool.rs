//! Connections to the server, and what is asked over them: one statement at a time, each a transaction of its own. So a
//! caller who goes away leaves nothing open on a connection.

use std::time::Duration;

use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool as Connections, PoolError, RecyclingMethod, Runtime,
};
use tokio_postgres::types::{FromSql, ToSql, Type};
use tokio_postgres::{Config, Row};

use super::fault::Fault;
use super::outage::Outage;
use super::tls;
use super::url::Options;
use crate::time::{self, Instant};

/// How often a statement is sent whose answer was lost, or which the server gave up on behalf of another one.
const TRIES: u32 = 3;
/// The longest pause before it is sent again after a conflict.
const PAUSE: Duration = Duration::from_millis(25);

/// A statement, and the types of its parameters. It must do no harm where it is sent again.
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) types: &'static [Type],
}

pub(crate) type Parameters<'a> = [&'a (dyn ToSql + Sync)];

pub(crate) struct Pool {
    connections: Connections,
    outage: Outage,
    prepare: bool,
    connect_timeout: Duration,
    /// A connection that owes an answer for this long is not handed on.
    patience: Duration,
}

impl Pool {
    /// It connects when it is asked something, `most` times at once. The server gives up a statement after `limit`.
    pub(crate) fn new(options: &Options, most: usize, limit: Duration) -> Result<Self, Fault> {
        let mut config = options.config.clone();
        if options.prepare {
            config.options(session(options.config.get_options(), limit));
        }
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(1).max(1);
        let connect_timeout = options.connect_timeout * hosts;
        let connections = Connections::builder(manager(config, options)?)
            .max_size(most)
            .wait_timeout(Some(limit))
            .create_timeout(Some(connect_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Fault::new(error.to_string()))?;
        Ok(Self {
            connections,
            outage: Outage::default(),
            prepare: options.prepare,
            connect_timeout,
            patience: limit / 2,
        })
    }

    /// The rows of a statement. Sent again where nobody knows whether it happened, or where it certainly did not.
    pub(crate) async fn ask(
        &self,
        statement: &Statement,
        parameters: &Parameters<'_>,
    ) -> Result<Vec<Row>, Fault> {
        for _ in 1..TRIES {
            match self.ask_once(statement, parameters).await {
                Err(fault) if fault.again() => {
                    if fault.is_conflict() {
                        time::pause(PAUSE.mul_f64(fastrand::f64())).await;
                    }
                }
                answer => return answer,
            }
        }
        self.ask_once(statement, parameters).await
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
        let mut lent = self.lend().await?;
        let answer = lent.ask(statement, parameters, self.prepare).await;
        lent.back(answer)
    }

    /// Statements without parameters, in one message: the server runs all of it, whether or not somebody waits. After an
    /// error the connection is closed, and a transaction that the statements began with it.
    pub(crate) async fn script(&self, sql: &str) -> Result<(), Fault> {
        let mut lent = self.lend().await?;
        let answer = lent.connection().batch_execute(sql).await.map_err(Fault::from);
        let failed = answer.is_err();
        let answer = lent.back(answer);
        if failed {
            lent.close();
        }
        answer
    }

    async fn lend(&self) -> Result<Lent, Fault> {
        if self.outage.is_down() && self.connections.status().available == 0 {
            self.outage.check()?;
        }
        match self.connections.get().await {
            Ok(connection) => {
                self.outage.over();
                Ok(Lent { connection: Some(connection), since: time::now(), patience: self.patience })
            }
            Err(PoolError::Timeout(deadpool_postgres::TimeoutType::Wait)) => {
                let most = self.connections.status().max_size;
                Err(Fault::new(format!("all connections are busy, {most} of {most} (`pool_max`)")))
            }
            Err(error) => {
                let fault = match error {
                    PoolError::Backend(error) => Fault::connecting(&error),
                    PoolError::Timeout(_) => {
                        Fault::new(format!("no connection within {:?}", self.connect_timeout))
                    }
                    error => Fault::new(error.to_string()),
                };
                self.outage.began(&fault);
                Err(fault)
            }
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

fn manager(config: Config, options: &Options) -> Result<Manager, Fault> {
    let how = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    tls::manager(config, how, &options.tls)
}

/// A connection in use.
struct Lent {
    connection: Option<Object>,
    since: Instant,
    patience: Duration,
}

impl Lent {
    fn connection(&self) -> &Object {
        self.connection.as_ref().expect("closed last")
    }

    async fn ask(
        &mut self,
        statement: &Statement,
        parameters: &Parameters<'_>,
        prepare: bool,
    ) -> Result<Vec<Row>, Fault> {
        let connection = self.connection();
        let Statement { sql, types } = statement;
        Ok(if prepare {
            let prepared = connection.prepare_typed_cached(sql, types).await?;
            connection.query(&prepared, parameters).await?
        } else {
            let typed: Vec<_> = parameters.iter().copied().zip(types.iter().cloned()).collect();
            connection.query_typed(sql, &typed).await?
        })
    }

    /// The answer is here: the connection may be used again, unless the answer says otherwise.
    fn back<T>(&mut self, answer: Result<T, Fault>) -> Result<T, Fault> {
        self.since = time::now();
        if answer.as_ref().is_err_and(Fault::spoils_the_connection) {
            self.close();
        }
        answer
    }

    fn close(&mut self) {
        self.connection.take().map(Object::take);
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if time::now().duration_since(self.since) >= self.patience {
            self.close();
        }
    }
}
