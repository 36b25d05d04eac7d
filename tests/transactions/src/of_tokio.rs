//! By way of tokio-postgres, and of the pool around it.

use resilience::idempotent;
use tokio_postgres::{Client as Connection, NoTls, SimpleQueryMessage, Transaction};

use crate::kept::Kept;
use crate::{Body, Call, Called, Client, End, Fault, Says, cut, run};

#[idempotent(key = order, tx = tx)]
pub(crate) async fn charge(tx: &Transaction<'_>, order: i64, body: Body) -> Result<i64, Fault> {
    run(&mut &*tx, order, body).await
}

#[idempotent(key = order, tx = tx, store_errors)]
async fn charge_keeping(
    tx: &mut deadpool_postgres::Transaction<'_>,
    order: i64,
    body: Body,
) -> Result<i64, Kept> {
    Ok(run(&mut &**tx, order, body).await?)
}

/// The transaction in a field, behind a shared reference.
struct Unit<'a> {
    tx: &'a Transaction<'a>,
    print: i64,
}

#[idempotent(key = order, fingerprint = unit.print, tx = unit.tx)]
async fn charge_unit(unit: &Unit<'_>, order: i64, body: Body) -> Result<i64, Fault> {
    run(&mut &*unit.tx, order, body).await
}

impl Says for &Transaction<'_> {
    async fn say(&mut self, sql: String) -> Result<Option<i64>, Fault> {
        Ok(first(&self.simple_query(&sql).await?))
    }
}

fn first(said: &[SimpleQueryMessage]) -> Option<i64> {
    said.iter().find_map(|said| match said {
        SimpleQueryMessage::Row(row) => row.get(0)?.parse().ok(),
        _ => None,
    })
}

pub struct Tokio {
    connection: Connection,
    pool: deadpool_postgres::Pool,
}

async fn ended(tx: Transaction<'_>, end: End) -> Result<(), Fault> {
    match end {
        End::Commits => tx.commit().await?,
        End::RollsBack => tx.rollback().await?,
        End::Drops => drop(tx),
    }
    Ok(())
}

impl Tokio {
    async fn begin(&mut self, call: Call) -> Transaction<'_> {
        let tx = self.connection.transaction().await.expect("it begins");
        tx.batch_execute(call.first).await.expect("the first words are good");
        tx
    }
}

impl Client for Tokio {
    async fn connect(url: &str) -> Self {
        let config: tokio_postgres::Config = url.parse().expect("a URL");
        let (client, connection) = config.connect(NoTls).await.expect("it connects");
        tokio::spawn(connection);
        let manager = deadpool_postgres::Manager::new(config, NoTls);
        let pool = deadpool_postgres::Pool::builder(manager).max_size(1).build().expect("a pool");
        Self { connection: client, pool }
    }

    async fn call(&mut self, call: Call) -> Called {
        let tx = self.begin(call).await;
        let reply = cut(call.polls, charge(&tx, call.order, call.body)).await;
        Called { reply, ended: ended(tx, call.end).await }
    }

    async fn call_keeping(&mut self, call: Call) -> Called {
        let mut connection = self.pool.get().await.expect("it connects");
        let mut tx = connection.transaction().await.expect("it begins");
        let reply = cut(call.polls, charge_keeping(&mut tx, call.order, call.body)).await;
        let ended = match call.end {
            End::Commits => tx.commit().await,
            End::RollsBack | End::Drops => tx.rollback().await,
        };
        Called { reply: reply.map(|reply| reply.map_err(Fault::from)), ended: ended.map_err(Fault::from) }
    }

    async fn call_with_print(&mut self, call: Call, print: i64) -> Called {
        let tx = self.begin(call).await;
        let unit = Unit { tx: &tx, print };
        let reply = cut(call.polls, charge_unit(&unit, call.order, call.body)).await;
        Called { reply, ended: ended(tx, call.end).await }
    }

    async fn ask(&mut self, sql: &str) -> Result<Option<i64>, Fault> {
        Ok(first(&self.connection.simple_query(sql).await?))
    }
}
