//! By way of sqlx.

use resilience::idempotent;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection, Postgres, Row, Transaction};

use crate::kept::Kept;
use crate::{Body, Call, Called, Client, End, Fault, Says, cut, run};

#[idempotent(key = order, tx = tx)]
pub(crate) async fn charge(tx: &mut Transaction<'_, Postgres>, order: i64, body: Body) -> Result<i64, Fault> {
    run(&mut **tx, order, body).await
}

/// On a connection, which may be in a transaction.
#[idempotent(key = order, tx = connection)]
pub async fn charge_on(connection: &mut PgConnection, order: i64) -> Result<i64, Fault> {
    run(connection, order, Body::Charges).await
}

#[idempotent(key = order, tx = connection, store_errors)]
async fn charge_keeping(connection: &mut PgConnection, order: i64, body: Body) -> Result<i64, Kept> {
    Ok(run(connection, order, body).await?)
}

/// The transaction in a field.
struct Unit<'a> {
    tx: Transaction<'a, Postgres>,
    print: i64,
}

impl Unit<'_> {
    #[idempotent(key = order, fingerprint = self.print, tx = self.tx)]
    async fn charge_unit(&mut self, order: i64, body: Body) -> Result<i64, Fault> {
        run(&mut *self.tx, order, body).await
    }
}

impl Says for PgConnection {
    async fn say(&mut self, sql: String) -> Result<Option<i64>, Fault> {
        let rows = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_all(self).await?;
        Ok(rows.first().and_then(|row| row.try_get_unchecked::<String, _>(0).ok()?.parse().ok()))
    }
}

pub struct Sqlx(pub PgConnection);

async fn ended(tx: Transaction<'_, Postgres>, end: End) -> Result<(), Fault> {
    match end {
        End::Commits => tx.commit().await?,
        End::RollsBack => tx.rollback().await?,
        End::Drops => drop(tx),
    }
    Ok(())
}

impl Sqlx {
    async fn begin(&mut self, call: Call) -> Transaction<'_, Postgres> {
        let mut tx = self.0.begin().await.expect("it begins");
        tx.say(call.first.to_owned()).await.expect("the first words are good");
        tx
    }
}

impl Client for Sqlx {
    async fn connect(url: &str) -> Self {
        Self(PgConnection::connect(&format!("{url}?sslmode=disable")).await.expect("it connects"))
    }

    async fn call(&mut self, call: Call) -> Called {
        let mut tx = self.begin(call).await;
        let reply = cut(call.polls, charge(&mut tx, call.order, call.body)).await;
        Called { reply, ended: ended(tx, call.end).await }
    }

    async fn call_keeping(&mut self, call: Call) -> Called {
        let mut tx = self.begin(call).await;
        let reply = cut(call.polls, charge_keeping(&mut tx, call.order, call.body)).await;
        Called { reply: reply.map(|reply| reply.map_err(Fault::from)), ended: ended(tx, call.end).await }
    }

    async fn call_with_print(&mut self, call: Call, print: i64) -> Called {
        let mut unit = Unit { tx: self.begin(call).await, print };
        let reply = cut(call.polls, unit.charge_unit(call.order, call.body)).await;
        Called { reply, ended: ended(unit.tx, call.end).await }
    }

    async fn ask(&mut self, sql: &str) -> Result<Option<i64>, Fault> {
        self.0.say(sql.to_owned()).await
    }
}
