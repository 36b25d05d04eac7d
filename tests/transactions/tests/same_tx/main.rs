//! An operation whose result is in the transaction of its effect, on a real server, by way of both clients.

mod crashes;
mod crowds;
mod cuts;
mod outcomes;
mod refusals;

use std::time::{Duration, Instant};

use resilience::ledger::POSTGRES_SCHEMA;
use resilience_servers::Postgres;
use resilience_transactions::{Client, EFFECTS};
use tokio::time::sleep;

/// A server with both tables.
fn server() -> Postgres {
    let server = Postgres::start_with(&[("fsync", "off"), ("max_connections", "100")]);
    server.psql(&format!("{POSTGRES_SCHEMA} {EFFECTS}"));
    server
}

async fn connect<C: Client>(server: &Postgres) -> C {
    C::connect(&server.url()).await
}

/// The effects that are true.
fn effects(server: &Postgres, order: i64) -> usize {
    server.psql(&format!("SELECT count(*) FROM effect WHERE order_id = {order}")).parse().unwrap()
}

/// The states of the records that are true.
fn records(server: &Postgres) -> String {
    server.psql("SELECT state FROM resilience_record ORDER BY text").replace('\n', " ")
}

/// Waits until a connection to the server is as this condition says.
async fn until(server: &Postgres, condition: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while server.psql(&format!("SELECT count(*) FROM pg_stat_activity WHERE {condition}")) == "0" {
        assert!(Instant::now() < end, "nobody: {condition}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// A body that takes its time.
const ASLEEP: &str = "wait_event = 'PgSleep'";

/// Each function is a test by way of each client.
macro_rules! by_both {
    ($($name:ident)*) => { $(mod $name {
        #[tokio::test(flavor = "multi_thread")]
        async fn sqlx() {
            resilience_servers::need!(Postgres);
            super::$name::<resilience_transactions::Sqlx>().await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn tokio() {
            resilience_servers::need!(Postgres);
            super::$name::<resilience_transactions::Tokio>().await;
        }
    })* };
}
use by_both;
