//! Ten thousand callers of one operation, for every ledger on a server.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::ledger::{Body, Claimed, Hold, Ledger, Request, Stored, Written};
use crate::testing::op::op;

const CALLERS: u128 = 10_000;

/// How many of them ran it, where these ledgers stand for processes. All others had its result.
pub(crate) async fn runs(ledgers: &[Arc<impl Ledger + 'static>]) -> usize {
    let mut callers = JoinSet::new();
    for (owner, ledger) in (1..=CALLERS).zip(ledgers.iter().cycle()) {
        callers.spawn(call(Arc::clone(ledger), owner));
    }
    callers.join_all().await.into_iter().filter(|ran| *ran).count()
}

/// Whether this one ran it.
async fn call(ledger: Arc<impl Ledger>, owner: u128) -> bool {
    let op = op("crowd");
    let result = || Stored { version: 3, body: Body::Value("7".into()) };
    // No lease ends before a crowd is served.
    let request = Request { lease: Duration::from_mins(1), ..op.request(owner) };
    loop {
        match ledger.claim(&request).await.expect("it answers") {
            Claimed::Granted { fence } => {
                tokio::time::sleep(Duration::from_millis(300)).await;
                let hold = Hold { key: op.key, owner, fence };
                let written = ledger.complete(hold, result(), op.ttl).await;
                assert_eq!(written.expect("it answers"), Written::Yes);
                return true;
            }
            Claimed::Running { fence, .. } => {
                if let Some(known) = ledger.ended(op.key, fence).await {
                    assert_eq!(known, result());
                    return false;
                }
            }
            Claimed::Done(known) => {
                assert_eq!(known, result());
                return false;
            }
            other => panic!("{other:?}"),
        }
    }
}
