//! A server in memory: it counts what it is asked, and can be slow or gone.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};

use super::crowd;
use super::*;
use crate::ledger::EntryState;
use crate::ledger::memory::MemoryLedger;
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};

const TIMEOUT: Duration = Duration::from_secs(2);

struct Server {
    records: MemoryLedger,
    claims: AtomicU32,
    looks: AtomicU32,
    gone: AtomicBool,
}

impl Server {
    async fn answers(&self) -> Answer<()> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if self.gone.load(SeqCst) { Err(LedgerError::new("gone")) } else { Ok(()) }
    }
}

impl Store for Server {
    async fn claim(&self, request: &Request<'_>) -> Answer<Claimed> {
        self.claims.fetch_add(1, SeqCst);
        // It happens at once; the answer comes later.
        let answer = self.records.claim(request).await;
        self.answers().await?;
        answer
    }

    async fn withdraw(&self, key: IdempotencyKey, owner: u128) -> Answer<()> {
        self.answers().await?;
        if let Some(entry) = self.records.inspect(key).await? {
            self.records.release(Hold { key, owner, fence: entry.fence }).await?;
        }
        Ok(())
    }

    async fn renew(&self, hold: Hold, lease: Duration) -> Answer<Written> {
        self.answers().await?;
        self.records.renew(hold, lease).await
    }

    async fn complete(&self, hold: Hold, result: &Stored, ttl: Duration) -> Answer<Written> {
        self.answers().await?;
        self.records.complete(hold, result.clone(), ttl).await
    }

    async fn release(&self, hold: Hold) -> Answer<Written> {
        self.answers().await?;
        self.records.release(hold).await
    }

    async fn abandon(&self, hold: Hold, may_have_run: bool) -> Answer<Written> {
        self.answers().await?;
        self.records.abandon(hold, may_have_run);
        Ok(Written::Yes)
    }

    async fn look(&self, key: IdempotencyKey, fence: u64) -> Answer<Seen> {
        self.looks.fetch_add(1, SeqCst);
        self.answers().await?;
        let entry = self.records.inspect(key).await?;
        let entry = entry.filter(|entry| entry.fence == fence);
        Ok(match entry.map(|entry| (entry.state, entry.result)) {
            Some((EntryState::Running, _)) => Seen::Running,
            Some((EntryState::Done, Some(json))) => {
                Seen::Ended(Some(Stored { version: 3, body: Body::Value(json.into()) }))
            }
            _ => Seen::Ended(None),
        })
    }

    async fn in_doubt(&self, most: usize) -> Answer<Vec<Entry>> {
        self.records.in_doubt(most).await
    }

    async fn find(&self, text: &str, most: usize) -> Answer<Vec<Entry>> {
        self.records.find(text, most).await
    }

    async fn inspect(&self, key: IdempotencyKey) -> Answer<Option<Entry>> {
        self.records.inspect(key).await
    }

    async fn forget(&self, key: IdempotencyKey, fence: u64) -> Answer<bool> {
        self.records.forget(key, fence).await
    }

    async fn resolve(&self, key: IdempotencyKey, fence: u64, body: Body) -> Answer<bool> {
        self.records.resolve(key, fence, body).await
    }

    async fn draw(&self, _: Draw) -> Answer<Drawn> {
        Err(LedgerError::new("it counts nothing"))
    }
}

fn remote() -> Remote<Server> {
    let (claims, looks, gone) = (0.into(), 0.into(), false.into());
    Remote::new(Server { records: MemoryLedger::new(100_000), claims, looks, gone }, TIMEOUT)
}

async fn granted(ledger: &impl Ledger, op: &Op, owner: u128) -> Hold {
    match ledger.claim(&op.request(owner)).await {
        Ok(Claimed::Granted { fence }) => Hold { key: op.key, owner, fence },
        other => panic!("not granted: {other:?}"),
    }
}

fn seven() -> Stored {
    Stored { version: 3, body: Body::Value("7".into()) }
}

#[tokio::test(start_paused = true)]
async fn it_conforms() {
    ledger_conformance(&remote()).await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_callers_ask_once() {
    let ledger = Arc::new(remote());
    assert_eq!(crowd::runs(std::slice::from_ref(&ledger)).await, 1);
    let server = &ledger.line.store;
    assert_eq!(server.claims.load(SeqCst), 1);
    assert!(server.looks.load(SeqCst) <= 10, "{:?}", server.looks);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_another_process_look_one_at_a_time() {
    let ledger = Arc::new(remote());
    let op = op("elsewhere");
    // As another process would: past what is known here.
    let hold = granted(&ledger.line.store.records, &op, 1).await;
    let wait = |ledger: &Arc<Remote<Server>>| {
        let (ledger, key) = (Arc::clone(ledger), op.key);
        tokio::spawn(async move { ledger.ended(key, hold.fence).await })
    };
    let waiting: Vec<_> = (0..1_000).map(|_| wait(&ledger)).collect();
    // The one who looks leaves, and somebody else goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    waiting[0].abort();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!((3..20).contains(&ledger.line.store.looks.load(SeqCst)), "{:?}", ledger.line.store.looks);
    ledger.line.store.records.complete(hold, seven(), op.ttl).await.expect("it answers");
    for one in waiting.into_iter().skip(1) {
        assert_eq!(one.await.expect("it ends"), Some(seven()));
    }
    assert!(ledger.line.flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_leaves_with_his_claim_on_its_way_leaves_none() {
    let ledger = remote();
    let op = op("left");
    let request = op.request(1);
    {
        let claim = ledger.claim(&request);
        assert!(tokio::time::timeout(Duration::ZERO, claim).await.is_err());
    }
    assert!(matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Running { .. })));
    ledger.withdraw(op.key, 1);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let hold = granted(&ledger, &op, 2).await;
    // The second word of the withdrawal is about somebody else.
    tokio::time::sleep(TIMEOUT * 2).await;
    assert_eq!(ledger.complete(hold, seven(), op.ttl).await.expect("it answers"), Written::Yes);
    assert!(ledger.line.flights.is_empty() && ledger.asks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_claim_is_written_when_the_server_is_back() {
    let ledger = remote();
    let op = op("outage");
    let hold = granted(&ledger, &op, 1).await;
    ledger.line.store.gone.store(true, SeqCst);
    ledger.abandon(hold, true);
    tokio::time::sleep(Duration::from_millis(200)).await;
    ledger.line.store.gone.store(false, SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    granted(&ledger, &op, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_server_and_for_a_withdrawn_claim() {
    let ledger = remote();
    let op = op("drained");
    let hold = granted(&ledger, &op, 1).await;
    ledger.line.store.gone.store(true, SeqCst);
    ledger.abandon(hold, true);
    let soon = Duration::from_millis(200);
    assert!(tokio::time::timeout(soon, ledger.drain()).await.is_err(), "the server is away");
    ledger.line.store.gone.store(false, SeqCst);
    ledger.drain().await;
    assert_eq!(op.state(&ledger).await, Some(EntryState::InDoubt));
    ledger.withdraw(op.key, 2);
    let start = Tick::now();
    ledger.drain().await;
    assert!(Tick::now().since(start) >= TIMEOUT, "the claim may have been on its way");
}

/// Those who come while a claim is on its way, and the one who asked leaves: one of them asks, for all.
#[tokio::test(start_paused = true)]
async fn when_the_one_who_asks_leaves_another_asks_for_all() {
    let ledger = Arc::new(remote());
    let op = op("handed on");
    let other = Op { fingerprint: Some([9; 32]), ..op.clone() };
    let ask = |op: &Op, owner| {
        let (ledger, op) = (Arc::clone(&ledger), op.clone());
        tokio::spawn(async move { ledger.claim(&op.request(owner)).await })
    };
    let first = ask(&op, 1);
    tokio::task::yield_now().await;
    let rest: Vec<_> = (2..100).map(|owner| ask(&op, owner)).collect();
    let beside: Vec<_> = (100..150).map(|owner| ask(&other, owner)).collect();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert_eq!(ledger.line.store.claims.load(SeqCst), 2, "one for all, and one for all with other values");
    first.abort();
    for one in rest {
        // The claim of the one who left has come to the server.
        assert!(matches!(one.await.expect("it ends"), Ok(Claimed::Running { .. })));
    }
    for one in beside {
        assert!(matches!(one.await.expect("it ends"), Ok(Claimed::Mismatch)));
    }
    assert_eq!(ledger.line.store.claims.load(SeqCst), 3);
    assert!(ledger.asks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_shared_and_the_next_ask_is_new() {
    let ledger = remote();
    ledger.line.store.gone.store(true, SeqCst);
    let op = op("error");
    let requests = [op.request(1), op.request(2)];
    let (one, two) = tokio::join!(ledger.claim(&requests[0]), ledger.claim(&requests[1]));
    assert!(one.is_err() && two.is_err());
    assert_eq!(ledger.line.store.claims.load(SeqCst), 1);
    ledger.line.store.gone.store(false, SeqCst);
    // The first one was granted on the server, and its answer lost: the same owner has it.
    granted(&ledger, &op, 1).await;
}
