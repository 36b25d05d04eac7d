//! What callers of one process share, and leave behind, over a server in memory.

mod server;

use std::sync::atomic::Ordering::SeqCst;
use std::task::{Context, Poll, Waker};

use super::crowd;
use super::*;
use crate::ledger::EntryState;
use crate::testing::ledger_conformance;
use crate::testing::op::{Op, op};
use server::{Server, server};

const TIMEOUT: Duration = Duration::from_secs(2);

fn remote() -> Remote<Server> {
    Remote::new(server(), TIMEOUT)
}

async fn op_state(server: &Server, op: &Op) -> Option<EntryState> {
    op.state(&server.records).await
}

/// For claims that are to stand while the server is slow.
fn long(op: &Op, owner: u128) -> Request<'_> {
    Request { lease: Duration::from_mins(1), ..op.request(owner) }
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
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
    let server = &ledger.client.store;
    assert_eq!(server.claims.load(SeqCst), 1);
    assert!(server.looks.load(SeqCst) <= 10, "{:?}", server.looks);
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_for_another_process_look_one_at_a_time() {
    let ledger = Arc::new(remote());
    let op = op("elsewhere");
    // As another process would: past what is known here.
    let hold = granted(&ledger.client.store.records, &op, 1).await;
    let wait = |ledger: &Arc<Remote<Server>>| {
        let (ledger, key) = (Arc::clone(ledger), op.key);
        tokio::spawn(async move { ledger.ended(key, hold.fence).await })
    };
    let waiting: Vec<_> = (0..1_000).map(|_| wait(&ledger)).collect();
    // The one who looks leaves, and somebody else goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    waiting[0].abort();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert!((3..20).contains(&ledger.client.store.looks.load(SeqCst)), "{:?}", ledger.client.store.looks);
    ledger.client.store.records.complete(hold, seven(), op.ttl).await.expect("it answers");
    for one in waiting.into_iter().skip(1) {
        assert_eq!(one.await.expect("it ends"), Some(seven()));
    }
    assert!(ledger.client.flights.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_before_its_claim_is_sent_leaves_nothing() {
    let ledger = remote();
    let op = op("unsent");
    {
        let request = op.request(1);
        let mut claim = ledger.claim(&request);
        assert!(poll_once(&mut claim).is_pending());
    }
    ledger.withdraw(op.key, 1);
    ledger.drain().await;
    assert_eq!(ledger.client.store.claims.load(SeqCst), 0);
    assert!(ledger.client.store.batches().is_empty(), "the server need not hear of it");
    granted(&ledger, &op, 2).await;
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_with_its_claim_on_its_way_leaves_none() {
    let ledger = remote();
    ledger.client.store.slow_down_to(Duration::from_millis(10));
    let op = op("left");
    {
        let request = op.request(1);
        let claim = ledger.claim(&request);
        assert!(tokio::time::timeout(Duration::from_millis(5), claim).await.is_err());
    }
    ledger.withdraw(op.key, 1);
    assert!(matches!(ledger.claim(&op.request(2)).await, Ok(Claimed::Running { .. })), "it was sent");
    ledger.drain().await;
    let hold = granted(&ledger, &op, 2).await;
    // A second word of it is about another one.
    ledger.withdraw(op.key, 1);
    tokio::time::sleep(TIMEOUT * 2).await;
    assert_eq!(ledger.complete(hold, seven(), op.ttl).await.expect("it answers"), Written::Yes);
    assert!(ledger.client.flights.is_empty() && ledger.client.claims.is_empty());
}

/// It was granted before its caller left, and nobody has heard.
#[tokio::test(start_paused = true)]
async fn a_claim_that_was_granted_unheard_is_withdrawn() {
    let ledger = remote();
    let op = op("unheard");
    {
        let request = op.request(1);
        let mut claim = ledger.claim(&request);
        assert!(poll_once(&mut claim).is_pending());
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    ledger.withdraw(op.key, 1);
    ledger.drain().await;
    assert_eq!(ledger.client.store.batches(), [1], "once: it was not on its way any more");
    granted(&ledger, &op, 2).await;
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_claim_is_written_when_the_server_is_back() {
    let ledger = remote();
    let op = op("outage");
    let hold = granted(&ledger, &op, 1).await;
    ledger.client.store.gone.store(true, SeqCst);
    ledger.abandon(hold, true);
    // For longer than its lease: whoever has not heard of it sees it lapsed, and in doubt.
    tokio::time::sleep(Duration::from_secs(14)).await;
    assert!(ledger.client.store.batches().is_empty());
    ledger.client.store.gone.store(false, SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(ledger.client.store.batches(), [1]);
    let entry = ledger.inspect(op.key).await.expect("it answers").expect("a record");
    assert!(entry.age < Duration::from_secs(1), "since the server heard of it: {:?}", entry.age);
    granted(&ledger, &op, 2).await;
}

/// Calls that failed in an outage left claims that nobody has. None of them keeps its key until its lease ends, and the
/// server that is back hears of few at first.
#[tokio::test(start_paused = true)]
async fn claims_that_nobody_has_end_soon_after_an_outage() {
    let ledger = Arc::new(remote());
    let server = &ledger.client.store;
    // It does what it is told, and its answers come too late.
    server.slow_down_to(TIMEOUT * 2);
    let ops: Vec<_> = (0..1_000).map(|number| op(&format!("stalled {number}"))).collect();
    let mut calls = tokio::task::JoinSet::new();
    for op in ops.clone() {
        let ledger = Arc::clone(&ledger);
        calls.spawn(async move {
            let error = ledger.claim(&long(&op, 1)).await.expect_err("no answer");
            assert!(error.to_string().contains("no answer within 2s") && error.may_have_been_sent());
            ledger.withdraw(op.key, 1);
        });
    }
    calls.join_all().await;
    assert_eq!(server.records.in_doubt(9).await.expect("memory").len(), 0, "all of them run");
    tokio::time::sleep(Duration::from_secs(14)).await;
    server.slow_down_to(Duration::from_millis(1));
    let back = Tick::now();
    while op_state(server, &ops[999]).await == Some(EntryState::Running) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // One that the server was asked in vain is on its way for as long as an answer may take.
    assert!(Tick::now().since(back) < TIMEOUT + Duration::from_secs(1), "{:?}", Tick::now().since(back));
    for op in &ops {
        assert_eq!(op_state(server, op).await, Some(EntryState::Released));
    }
    assert_eq!(server.batches()[..6], [1, 2, 4, 8, 16, 32]);
    ledger.drain().await;
    let heard: usize = server.batches().iter().sum();
    assert_eq!(heard, 2_000, "each may have been overtaken once");
    assert!(ledger.client.flights.is_empty() && ledger.client.claims.is_empty());
}

/// Callers that give up under load leave claims behind faster than one at a time could be told of.
#[tokio::test(start_paused = true)]
async fn claims_are_taken_back_as_fast_as_callers_give_up() {
    let ledger = remote();
    ledger.client.store.slow_down_to(Duration::from_millis(100));
    let key = op("given up").key;
    for owner in 0..15_000 {
        if owner % 150 == 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        ledger.abandon(Hold { key, owner, fence: 1 }, false);
    }
    let start = Tick::now();
    ledger.drain().await;
    assert!(Tick::now().since(start) < Duration::from_millis(500), "{:?}", Tick::now().since(start));
}

/// Whoever is polled so often and then left alone, for ever: nobody else waits for it.
#[tokio::test(start_paused = true)]
async fn a_caller_that_is_left_alone_keeps_nobody_waiting() {
    for polls in 0..4 {
        let ledger = remote();
        let op = op(&format!("alone {polls}"));
        let request = op.request(1);
        let mut first = ledger.claim(&request);
        for _ in 0..polls {
            if poll_once(&mut first).is_ready() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // It is still there, and nobody polls it.
        let second = tokio::time::timeout(TIMEOUT, ledger.claim(&long(&op, 2))).await;
        match second.expect("within its own limit").expect("it answers") {
            Claimed::Running { fence, .. } => {
                // Nor does one that waits for the end of a claim.
                let mut waits = ledger.ended(op.key, fence);
                assert!(poll_once(&mut waits).is_pending());
                tokio::time::sleep(Duration::from_millis(10)).await;
                let hold = Hold { key: op.key, owner: 1, fence };
                ledger.client.store.records.complete(hold, seven(), op.ttl).await.expect("memory answers");
                let ended = tokio::time::timeout(TIMEOUT, ledger.ended(op.key, fence)).await;
                assert_eq!(ended.expect("within its own limit"), Some(seven()));
                drop(waits);
            }
            Claimed::Granted { .. } => assert_eq!(polls, 0, "the first has asked"),
            other => panic!("{other:?}"),
        }
        drop(first);
    }
}

/// The task that asks for all has ended, as one that panics: those who wait do not wait for ever.
#[tokio::test(start_paused = true)]
async fn where_the_task_that_asks_ends_nobody_waits_for_it() {
    let ledger = remote();
    ledger.client.store.panics.store(true, SeqCst);
    let op = op("panics");
    let requests = [op.request(1), op.request(2)];
    let (one, two) = tokio::join!(ledger.claim(&requests[0]), ledger.claim(&requests[1]));
    for answer in [one, two] {
        let error = answer.expect_err("no answer");
        assert!(error.may_be_repeated(), "the next one asks: {error}");
    }
    ledger.client.store.panics.store(false, SeqCst);
    granted(&ledger, &op, 1).await;
    assert!(ledger.client.claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_for_the_server_and_for_a_withdrawn_claim() {
    let ledger = remote();
    let op = op("drained");
    let hold = granted(&ledger, &op, 1).await;
    ledger.client.store.gone.store(true, SeqCst);
    ledger.abandon(hold, true);
    let soon = Duration::from_millis(200);
    assert!(tokio::time::timeout(soon, ledger.drain()).await.is_err(), "the server is away");
    ledger.client.store.gone.store(false, SeqCst);
    ledger.drain().await;
    assert_eq!(op.state(&ledger).await, Some(EntryState::InDoubt));
    ledger.client.store.slow_down_to(TIMEOUT * 2);
    ledger.claim(&op.request(2)).await.expect_err("no answer");
    ledger.client.store.slow_down_to(Duration::from_millis(1));
    ledger.withdraw(op.key, 2);
    let start = Tick::now();
    ledger.drain().await;
    assert!(Tick::now().since(start) >= TIMEOUT, "the claim may have been on its way");
}

/// Those who come while a claim is on its way share its answer, also where the one who asked leaves.
#[tokio::test(start_paused = true)]
async fn when_the_one_who_asks_leaves_the_others_have_its_answer() {
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
    assert_eq!(ledger.client.store.claims.load(SeqCst), 2, "one for all, and one for all with other values");
    first.abort();
    for one in rest {
        // The claim of the one who left has come to the server.
        assert!(matches!(one.await.expect("it ends"), Ok(Claimed::Running { .. })));
    }
    for one in beside {
        assert!(matches!(one.await.expect("it ends"), Ok(Claimed::Mismatch)));
    }
    assert_eq!(ledger.client.store.claims.load(SeqCst), 2);
    assert!(ledger.client.claims.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_error_is_shared_and_the_next_ask_is_new() {
    let ledger = remote();
    ledger.client.store.gone.store(true, SeqCst);
    let op = op("error");
    let requests = [op.request(1), op.request(2)];
    let (one, two) = tokio::join!(ledger.claim(&requests[0]), ledger.claim(&requests[1]));
    assert!(one.is_err() && two.is_err());
    assert_eq!(ledger.client.store.claims.load(SeqCst), 1);
    ledger.client.store.gone.store(false, SeqCst);
    // The first one was granted on the server, and its answer lost: the same owner has it.
    granted(&ledger, &op, 1).await;
}

/// A crowd shares one claim, and its answer is lost: the server hears of the one that was sent.
#[tokio::test(start_paused = true)]
async fn those_who_shared_a_claim_have_none_to_withdraw() {
    let ledger = Arc::new(remote());
    ledger.client.store.slow_down_to(TIMEOUT * 2);
    let op = op("shared");
    let mut calls = tokio::task::JoinSet::new();
    for owner in 1..=1_000 {
        let (ledger, op) = (Arc::clone(&ledger), op.clone());
        calls.spawn(async move {
            let request = long(&op, owner);
            let claim = ledger.claim(&request);
            // Half of them leave before.
            let limit = if owner % 2 == 0 { TIMEOUT / 2 } else { TIMEOUT * 2 };
            let answer = tokio::time::timeout(limit, claim).await;
            assert!(answer.is_err() || answer.is_ok_and(|answer| answer.is_err()));
            ledger.withdraw(op.key, owner);
        });
    }
    calls.join_all().await;
    assert_eq!(ledger.client.store.claims.load(SeqCst), 1);
    ledger.client.store.slow_down_to(Duration::from_millis(1));
    ledger.drain().await;
    assert_eq!(ledger.client.store.batches(), [1, 1], "twice: it was on its way");
    granted(&*ledger, &op, 2).await;
    assert!(ledger.client.claims.is_empty());
}

/// It was sent, and what failed in the end was the way to send it again.
#[tokio::test(start_paused = true)]
async fn a_claim_that_was_sent_before_it_failed_unsent_is_withdrawn() {
    let ledger = remote();
    ledger.client.store.fails_unsent.store(true, SeqCst);
    let op = op("sent before");
    let error = ledger.claim(&long(&op, 1)).await.expect_err("no answer");
    assert!(error.may_have_been_sent() && !error.may_be_repeated(), "{error}");
    ledger.withdraw(op.key, 1);
    ledger.drain().await;
    ledger.client.store.fails_unsent.store(false, SeqCst);
    granted(&ledger, &op, 2).await;
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Its runtime ends in the middle, or all its threads block: the claim that others share goes on.
#[test]
fn whatever_becomes_of_the_runtime_of_the_first_caller_the_others_are_answered() {
    for ends in [true, false] {
        let ledger = Arc::new(remote());
        ledger.client.store.slow_down_to(Duration::from_millis(300));
        let op = op(&format!("ends: {ends}"));
        let (first, second) = (runtime(), runtime());
        let ask = |owner| {
            let (ledger, op) = (Arc::clone(&ledger), op.clone());
            async move { ledger.claim(&long(&op, owner)).await }
        };
        first.spawn(ask(1));
        while ledger.client.store.claims.load(SeqCst) == 0 {
            std::thread::yield_now();
        }
        let shares = second.spawn(ask(2));
        std::thread::sleep(Duration::from_millis(50)); // it has joined by then
        if ends {
            first.shutdown_background();
        } else {
            for _ in 0..2 {
                first.spawn(async { std::thread::sleep(Duration::from_secs(2)) });
            }
        }
        let start = std::time::Instant::now();
        let answer = second.block_on(shares).expect("it ends");
        assert!(matches!(answer, Ok(Claimed::Running { .. })), "{answer:?}");
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        assert_eq!(ledger.client.store.claims.load(SeqCst), 1, "one for both");
    }
}

/// Begun on one runtime, and awaited on another one after the first has ended.
#[test]
fn a_claim_may_outlive_the_runtime_that_it_was_begun_on() {
    let ledger = remote();
    ledger.client.store.slow_down_to(Duration::from_millis(100));
    let op = op("moves");
    let request = long(&op, 1);
    let mut claim = ledger.claim(&request);
    let first = runtime();
    first.block_on(async { assert!(poll_once(&mut claim).is_pending()) });
    drop(first);
    let answer = runtime().block_on(claim);
    assert!(matches!(answer, Ok(Claimed::Granted { .. })), "{answer:?}");
}
