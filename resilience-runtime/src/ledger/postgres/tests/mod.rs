//! Against a server of its own for each test.

#[cfg(feature = "tls")]
mod encrypted;
mod faults;
mod keeping;
mod opening;
mod races;

use resilience_servers::{Postgres, need};

use super::*;
use crate::ledger::remote::{Claim, Farewell, Store};
use crate::ledger::{Body, Claimed, Hold, Ledger, Stored, Written};
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};

/// One that forgets with the power, and is faster.
fn server() -> Postgres {
    Postgres::start_with(&[("fsync", "off")])
}

async fn ledger(url: &str) -> Remote<PostgresStore> {
    open(url).await.expect("it opens")
}

/// As another process would see it: without what is known in this one.
async fn store(url: &str) -> PostgresStore {
    PostgresStore::open(&Options::parse(url).expect("a good URL")).await.expect("it opens")
}

fn seven() -> Stored {
    Stored { version: 3, body: Body::Value("7".into()) }
}

/// For claims that are to stand while a server is slow.
fn long(op: &Op, owner: u128) -> crate::ledger::Request<'_> {
    crate::ledger::Request { lease: Duration::from_mins(1), ..op.request(owner) }
}

async fn granted(store: &PostgresStore, op: &Op, owner: u128) -> Hold {
    match store.claim(&Claim::from(&long(op, owner))).await {
        Ok(Claimed::Granted { fence }) => Hold { key: op.key, owner, fence },
        other => panic!("not granted: {other:?}"),
    }
}

#[tokio::test]
async fn it_conforms() {
    need!(Postgres);
    let server = server();
    ledger_conformance(&ledger(&server.url()).await).await;
}

/// As behind a pooler.
#[tokio::test]
async fn it_conforms_without_prepared_statements() {
    need!(Postgres);
    let server = server();
    ledger_conformance(&ledger(&format!("{}?prepare=off", server.url())).await).await;
}
