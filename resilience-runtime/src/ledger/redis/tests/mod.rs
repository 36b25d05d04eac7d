//! The ledger on a server that was started for the test.

use resilience_servers::{Persistence, Redis as Server, need};

use super::*;
use crate::testing::ledger_conformance;

fn server() -> Server {
    Server::start(Persistence::AofEverySecond)
}

async fn ledger(url: &str) -> Remote<Redis> {
    open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[tokio::test]
async fn it_conforms() {
    need!(Redis);
    let server = server();
    ledger_conformance(&ledger(&server.url()).await).await;
}
