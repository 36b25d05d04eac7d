//! Many at once.

use resilience_servers::Proxy;
use tokio::task::JoinSet;

use super::*;
use crate::ledger::remote::crowd;

const CROWD: u128 = 32;

/// How many of a crowd were granted the operation, each as a process of its own.
async fn winners(store: &Arc<PostgresStore>, op: &Op) -> usize {
    let start = Arc::new(tokio::sync::Barrier::new(32));
    let mut crowd = JoinSet::new();
    for owner in 0..CROWD {
        let (store, op, start) = (Arc::clone(store), op.clone(), Arc::clone(&start));
        crowd.spawn(async move {
            start.wait().await;
            match store.claim(&Claim::from(&long(&op, 100 + owner))).await.expect("it answers") {
                Claimed::Granted { .. } => true,
                Claimed::Running { .. } => false,
                other => panic!("{other:?}"),
            }
        });
    }
    crowd.join_all().await.into_iter().filter(|won| *won).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_has_one_winner() {
    need!(Postgres);
    let server = server();
    let store = Arc::new(store(&format!("{}?pool_max=32&timeout=30s", server.url())).await);
    for round in 0..1_000 {
        assert_eq!(winners(&store, &op(&format!("race {round}"))).await, 1, "round {round}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_race_for_what_is_in_doubt_has_one_winner() {
    need!(Postgres);
    let server = server();
    let store = Arc::new(store(&format!("{}?pool_max=32&timeout=30s", server.url())).await);
    for round in 0..200 {
        let op = op(&format!("takeover {round}"));
        let hold = granted(&store, &op, 1).await;
        let farewell = Farewell::Abandon { hold, may_have_run: round % 2 == 0 };
        store.part(&[farewell]).await.expect("it answers");
        assert_eq!(winners(&store, &op).await, 1, "round {round}");
        let entry = store.inspect(op.key).await.expect("it answers").expect("a record");
        assert_eq!(entry.attempt, 2);
        assert!(entry.fence > hold.fence);
    }
}

/// The statements that the server has run, by its own count.
fn calls(server: &Postgres) -> u64 {
    let sql = "SELECT sum(calls) FROM pg_stat_statements WHERE query LIKE '%resilience_record%'";
    server.psql(sql).parse().unwrap_or(0)
}

#[tokio::test]
async fn a_claim_is_one_round_trip_and_so_is_its_end() {
    need!(Postgres);
    let server = Postgres::start_with(&[("shared_preload_libraries", "pg_stat_statements")]);
    server.psql("CREATE EXTENSION pg_stat_statements");
    let proxy = Proxy::start(server.port());
    let store = store(&format!("{}?pool_max=1", server.url_at(proxy.port()))).await;
    // The connection has prepared them.
    let hold = granted(&store, &op("first"), 1).await;
    store.complete(hold, &seven(), op("first").ttl).await.expect("it answers");
    let count = || (proxy.counts().requests, calls(&server));
    for number in 0..5 {
        let op = op(&number.to_string());
        let (before, said) = count();
        let hold = granted(&store, &op, 1).await;
        assert_eq!(count(), (before + 1, said + 1), "a claim");
        store.complete(hold, &seven(), op.ttl).await.expect("it answers");
        assert_eq!(count(), (before + 2, said + 2), "a completion");
        assert!(matches!(store.claim(&Claim::from(&op.request(2))).await, Ok(Claimed::Done(_))));
        assert_eq!(count(), (before + 3, said + 3), "a replay");
    }
}

#[tokio::test]
async fn a_duplicate_draws_no_fence() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("drawn");
    let hold = granted(&store, &op, 1).await;
    let drawn = server.psql("SELECT last_value FROM resilience_fence");
    for _ in 0..40 {
        assert!(matches!(store.claim(&Claim::from(&op.request(2))).await, Ok(Claimed::Running { .. })));
    }
    store.complete(hold, &seven(), op.ttl).await.expect("it answers");
    for _ in 0..40 {
        assert!(matches!(store.claim(&Claim::from(&op.request(2))).await, Ok(Claimed::Done(_))));
    }
    assert_eq!(server.psql("SELECT last_value FROM resilience_fence"), drawn);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_callers_of_two_processes_run_it_once() {
    need!(Postgres);
    let server = server();
    let processes = [Arc::new(ledger(&server.url()).await), Arc::new(ledger(&server.url()).await)];
    assert_eq!(crowd::runs(&processes).await, 1);
}

/// A claim waits for a row that somebody inserts and has not committed, and sees what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_finds_what_was_committed_while_it_waited() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("slow insert");
    let slow = format!(
        "BEGIN; INSERT INTO resilience_record SELECT '\\x{}', 's', 't', '\\x02', 9, 1, NULL, 3, 1000, false, 0, now(), \
         now() + interval '1 min', NULL, 0, NULL; SELECT pg_sleep(0.5); COMMIT;",
        op.key
    );
    let slowly = store.chores.script(&slow);
    let claim = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        store.claim(&Claim::from(&op.request(1))).await
    };
    let (slowly, claimed) = tokio::join!(slowly, claim);
    slowly.expect("it is committed");
    assert!(matches!(claimed, Ok(Claimed::Running { fence: 9, .. })), "{claimed:?}");
}
