//! Many at once.

use super::*;
use crate::ledger::remote::crowd;

const PROCESSES: u128 = 32;

async fn stores(url: &str) -> Vec<Arc<Redis>> {
    let mut stores = Vec::new();
    for _ in 0..PROCESSES {
        stores.push(Arc::new(store(url).await));
    }
    stores
}

/// All of them claim at once; the answers by owner.
async fn race(stores: &[Arc<Redis>], op: &Op) -> Vec<(u128, Claimed)> {
    let mut claims = JoinSet::new();
    for (owner, store) in (100..).zip(stores) {
        let (store, op) = (Arc::clone(store), op.clone());
        claims.spawn(async move {
            (owner, store.claim(&Claim::from(&op.request(owner))).await.expect("it answers"))
        });
    }
    claims.join_all().await
}

/// Who may run: one, and all others are told its fence.
fn winner(answers: &[(u128, Claimed)]) -> (u128, u64) {
    let grants: Vec<_> = answers
        .iter()
        .filter_map(|(owner, answer)| match answer {
            Claimed::Granted { fence } => Some((*owner, *fence)),
            _ => None,
        })
        .collect();
    let [winner] = grants[..] else { panic!("{} were granted", grants.len()) };
    let others = answers.iter().filter(|(owner, _)| *owner != winner.0);
    for (_, answer) in others {
        assert!(matches!(answer, Claimed::Running { fence, .. } if *fence == winner.1), "{answer:?}");
    }
    winner
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_processes_one_runs() {
    need!(Redis);
    let server = server();
    let stores = stores(&server.url()).await;
    for round in 0..300 {
        winner(&race(&stores, &op(&format!("race {round}"))).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_processes_one_takes_over() {
    need!(Redis);
    let server = server();
    let stores = stores(&server.url()).await;
    for round in 0..100 {
        let op = op(&format!("takeover {round}"));
        let request = crate::ledger::Request { lease: Duration::from_millis(1), ..op.request(1) };
        let dead = hold(&op, 1, &stores[0].claim(&Claim::from(&request)).await);
        tokio::time::sleep(Duration::from_millis(3)).await;
        let (owner, fence) = winner(&race(&stores, &op).await);
        assert!(fence > dead.fence);
        assert_eq!(stores[0].complete(dead, &seven(), TTL).await.expect("it answers"), Written::LeaseLost);
        let hold = Hold { key: op.key, owner, fence };
        assert_eq!(stores[1].complete(hold, &seven(), TTL).await.expect("it answers"), Written::Yes);
    }
}

/// The commands that the server has run since it was told to count anew.
fn counted(server: &Server, command: &str) -> u64 {
    let info = server.cli(&["INFO", "commandstats"]);
    let line = info.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.and_then(|line| line.split(',').next()?.parse().ok()).unwrap_or_default()
}

#[tokio::test]
async fn an_operation_is_one_round_trip() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&server.url_at(proxy.port())).await;
    let claim = async |owner| {
        let op = op("counted");
        ledger.claim(&op.request(owner)).await
    };
    // The server learns the scripts.
    let warm = op("warm");
    let first = hold(&warm, 1, &ledger.claim(&warm.request(1)).await);
    ledger.complete(first, seven(), TTL).await.expect("it answers");

    server.cli(&["CONFIG", "RESETSTAT"]);
    let before = proxy.counts();
    let op = op("counted");
    let held = hold(&op, 1, &claim(1).await);
    assert_eq!(counted(&server, "evalsha"), 1, "a claim");
    ledger.complete(held, seven(), TTL).await.expect("it answers");
    assert_eq!(counted(&server, "evalsha"), 2, "its result");
    let times = counted(&server, "time");
    assert!(matches!(claim(2).await, Ok(Claimed::Done(_))));
    assert_eq!(counted(&server, "evalsha"), 3, "a replay");
    assert_eq!(counted(&server, "time"), times, "a replay reads no clock");
    let after = proxy.counts();
    assert_eq!((after.requests - before.requests, after.replies - before.replies), (3, 3));
    assert_eq!(after.connections, before.connections);
    assert_eq!(counted(&server, "eval"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_callers_on_one_key() {
    need!(Redis);
    let server = server();
    // Two processes.
    let ledgers = [Arc::new(ledger(&server.url()).await), Arc::new(ledger(&server.url()).await)];
    server.cli(&["CONFIG", "RESETSTAT"]);
    assert_eq!(crowd::runs(&ledgers).await, 1);
    let asked = counted(&server, "evalsha");
    assert!(asked < 200, "the callers of a process share what it asks: {asked}");
}
