//! The ledger on a server that was started for the test.

mod bytes;
mod cluster;
#[cfg(feature = "tls")]
mod encrypted;
mod faults;
mod outages;
mod races;
mod start;

use std::sync::Arc;
use std::time::Instant;

use resilience_servers::{Persistence, Proxy, Redis as Server, need};
use tokio::task::JoinSet;

use super::*;
use crate::ledger::{EntryState, Ledger};
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};

const TTL: Duration = Duration::from_mins(10);

fn server() -> Server {
    Server::start(Persistence::AofEverySecond)
}

async fn ledger(url: &str) -> Remote<Redis> {
    open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// The server without what a process knows of it: as many of these as there are processes.
async fn store(url: &str) -> Redis {
    let settings = Settings::read(url).expect("a good URL");
    Redis::open(&settings).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

fn hold(op: &Op, owner: u128, claimed: &Answer<Claimed>) -> Hold {
    match claimed {
        Ok(Claimed::Granted { fence }) => Hold { key: op.key, owner, fence: *fence },
        other => panic!("not granted: {other:?}"),
    }
}

async fn granted(store: &Redis, op: &Op, owner: u128) -> Hold {
    hold(op, owner, &store.claim(&Claim::from(&op.request(owner))).await)
}

fn seven() -> Stored {
    Stored { version: 3, body: Body::Value("7".into()) }
}

fn name(op: &Op) -> String {
    format!("resilience:{}", op.key)
}

#[tokio::test]
async fn it_conforms() {
    need!(Redis);
    let server = server();
    ledger_conformance(&ledger(&server.url()).await).await;
}
