//! Callers that are polled a few times and then left alone, for every ledger on a server: `select!` over a reference, a
//! buffer of futures, a future that is kept in a struct.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::ledger::{Body, Claimed, Hold, Ledger, Reply, Request, Stored, Written};
use crate::quota::{Draw, Drawn, Quotas};
use crate::testing::op::{Op, op};

/// More than any future here is polled before it is ready.
const POLLS: usize = 5;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Claim,
    SameClaim,
    Renew,
    Complete,
    Release,
    Ended,
    Inspect,
    Draw,
}

const KINDS: [Kind; 8] = [
    Kind::Claim,
    Kind::SameClaim,
    Kind::Renew,
    Kind::Complete,
    Kind::Release,
    Kind::Ended,
    Kind::Inspect,
    Kind::Draw,
];

/// While all of them stand still, everybody else is served within `limit`, also where `disturb` has broken what they were
/// in the middle of.
pub(crate) async fn keeps_nobody_waiting(
    ledger: &(impl Ledger + Quotas),
    disturb: impl Fn(),
    limit: Duration,
) {
    let cases: Vec<_> = (0..POLLS).flat_map(|polls| KINDS.map(|kind| (polls, kind))).collect();
    let ops: Vec<_> = cases.iter().map(|(polls, kind)| op(&format!("{kind:?} {polls}"))).collect();
    let requests: Vec<_> = ops.iter().map(|op| long(op, 1)).collect();
    let mut alone: Vec<Pin<Box<dyn Future<Output = ()> + '_>>> = Vec::new();
    for (case, (op, request)) in cases.iter().zip(ops.iter().zip(&requests)) {
        let (polls, kind) = *case;
        let fence = match kind {
            Kind::Claim | Kind::SameClaim | Kind::Draw => 0,
            _ => claimed(ledger, request, limit).await,
        };
        let hold = Hold { key: op.key, owner: 1, fence };
        disturb();
        let mut future: Pin<Box<dyn Future<Output = ()> + '_>> = Box::pin(async move {
            match kind {
                Kind::Claim | Kind::SameClaim => drop(ledger.claim(request).await),
                Kind::Renew => drop(ledger.renew(hold, request.lease).await),
                Kind::Complete => drop(ledger.complete(hold, seven(), op.ttl).await),
                Kind::Release => drop(ledger.release(hold).await),
                Kind::Ended => drop(ledger.ended(op.key, fence).await),
                Kind::Inspect => drop(ledger.inspect(op.key).await),
                Kind::Draw => drop(ledger.draw(draw()).await),
            }
        });
        for _ in 0..polls {
            if future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                future = Box::pin(std::future::ready(()));
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        alone.push(future);
        let beside = self::op(&format!("beside {kind:?} {polls}"));
        let others = async {
            match kind {
                // Whoever shares it hears of it.
                Kind::SameClaim => drop(insist(|| ledger.claim(request)).await),
                // Those who wait for the same end are woken by it.
                Kind::Ended => {
                    let complete = insist(|| ledger.complete(hold, seven(), op.ttl));
                    let (ended, completed) = tokio::join!(ledger.ended(op.key, fence), complete);
                    assert_eq!((ended, completed), (Some(seven()), Written::Yes));
                }
                Kind::Draw => {
                    let drawn = insist(|| ledger.draw(draw())).await;
                    assert!(matches!(drawn, Drawn::Granted(1)), "{drawn:?}");
                }
                _ => {}
            }
            call(ledger, &beside, limit).await;
        };
        let served = tokio::time::timeout(limit, others).await;
        assert!(served.is_ok(), "{kind:?} left alone after {polls} polls keeps others waiting");
    }
}

async fn claimed(ledger: &impl Ledger, request: &Request<'_>, limit: Duration) -> u64 {
    let claimed = tokio::time::timeout(limit, insist(|| ledger.claim(request))).await;
    match claimed.expect("within its limit") {
        Claimed::Granted { fence } => fence,
        other => panic!("{other:?}"),
    }
}

/// While it connects anew, callers may fail, and call again.
async fn insist<'a, T>(ask: impl Fn() -> Reply<'a, T>) -> T {
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn call(ledger: &impl Ledger, op: &Op, limit: Duration) {
    let fence = claimed(ledger, &long(op, 3), limit).await;
    let hold = Hold { key: op.key, owner: 3, fence };
    assert_eq!(insist(|| ledger.complete(hold, seven(), op.ttl)).await, Written::Yes);
}

fn seven() -> Stored {
    Stored { version: 3, body: Body::Value("7".into()) }
}

fn long(op: &Op, owner: u128) -> Request<'_> {
    Request { lease: Duration::from_mins(1), ..op.request(owner) }
}

fn draw() -> Draw {
    Draw { limit: [7; 32], interval: Duration::from_millis(1), burst: 1_000, least: 1, wanted: 1 }
}
