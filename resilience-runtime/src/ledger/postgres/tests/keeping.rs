//! What is kept, and for how long.

use super::*;
use crate::EntryState;

async fn replayed(store: &PostgresStore, op: &Op) -> Stored {
    match store.claim(&Claim::from(&op.request(99))).await {
        Ok(Claimed::Done(result)) => result,
        other => panic!("not done: {other:?}"),
    }
}

#[tokio::test]
async fn results_come_back_as_they_were() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    let large: String = (0..256 * 1024).map(|_| fastrand::alphanumeric()).collect();
    for (index, body) in [
        Body::Value("".into()),
        Body::Value("null".into()),
        Body::Value("\"\u{0} \\ ' \u{1f980} \u{ffff}\"".into()),
        Body::Value(large.clone().into()),
        Body::Error(large.into()),
        Body::NotKept,
    ]
    .into_iter()
    .enumerate()
    {
        let op = op(&format!("body {index}"));
        let hold = granted(&store, &op, u128::MAX).await;
        let result = Stored { version: u32::MAX, body };
        store.complete(hold, &result, Duration::MAX).await.expect("it answers");
        assert_eq!(replayed(&store, &op).await, result);
        let seen = store.look(op.key, hold.fence).await.expect("it answers");
        assert!(matches!(seen, crate::ledger::remote::Seen::Ended(Some(kept)) if kept == result));
    }
}

#[tokio::test]
async fn keys_as_written_hold_every_character() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    let long = "\u{1f980}".repeat(300);
    let texts = [
        ("a\u{0}b", "a\u{fffd}b"),
        ("%_\\'\"$1", "%_\\'\"$1"),
        ("\u{1f980}/\u{e9}\u{ffff}", "\u{1f980}/\u{e9}\u{ffff}"),
        (&*long, &*long),
    ];
    for (index, (text, shown)) in texts.into_iter().enumerate() {
        let op = op(&format!("odd {index}")).written(format!("tenant/{text}"));
        granted(&store, &op, 1).await;
        let found = store.find(text, 10).await.expect("it answers");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].text.as_str(), found[0].key), (&*format!("tenant/{shown}"), op.key));
    }
    assert_eq!(store.find("%", 10).await.expect("it answers"), []);
}

/// Rows of one state each, whose hour has come; `expires` in hours from now.
fn rows(server: &Postgres, from: u32, count: u32, state: i16, expires: &str) {
    server.psql(&format!(
        "INSERT INTO resilience_record SELECT decode(lpad(to_hex(i), 64, '0'), 'hex'), 's', i::text, '\\x01', i, 1, NULL, \
         1, 1000, true, {state}, now(), now(), now() + {expires} * interval '1 hour', \
         (extract(epoch FROM now()) / 3600)::int8 - 1, NULL FROM generate_series({from}, {from} + {count} - 1) i"
    ));
}

#[tokio::test]
async fn the_sweep_removes_what_has_expired_and_nothing_else() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    rows(&server, 1, 1_000, 3, "-1");
    rows(&server, 2_001, 70, 3, "1");
    rows(&server, 3_001, 30, 1, "NULL");
    let sweep = async || super::sweep::sweep(&store.chores, &store.statements).await.expect("it answers");
    assert_eq!(sweep().await, 1_000);
    assert_eq!(server.psql("SELECT count(*), min(fence) FROM resilience_record"), "100|2001");
    // They are looked at again when they may have expired, and not before.
    let due = "SELECT count(*) FROM resilience_record WHERE sweep_hour <= extract(epoch FROM now()) / 3600";
    assert_eq!(server.psql(due), "0");
    assert_eq!(sweep().await, 0);
    rows(&server, 4_001, 1_200, 3, "-1");
    let (one, two) = tokio::join!(sweep(), sweep());
    assert_eq!(one + two, 1_200, "two processes step over each other");
}

#[tokio::test]
async fn the_sweep_goes_by_the_index_and_completions_leave_it_alone() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    rows(&server, 1, 100_000, 3, "24");
    server.psql("UPDATE resilience_record SET sweep_hour = sweep_hour + 1 + fence % 48, body = repeat('x', 200)::bytea; VACUUM ANALYZE resilience_record");
    for statement in [&store.statements.sweep, &store.statements.postpone] {
        let plan = server.psql(&format!("EXPLAIN {}", statement.sql));
        assert!(plan.contains("resilience_record_sweep") && !plan.contains("Seq Scan"), "{plan}");
    }
    for number in 0..200 {
        let op = op(&format!("hot {number}"));
        let hold = granted(&store, &op, 1).await;
        store.renew(hold, Duration::from_mins(1)).await.expect("it answers");
        store.complete(hold, &seven(), op.ttl).await.expect("it answers");
    }
    drop(store);
    tokio::time::sleep(Duration::from_secs(1)).await; // the server counts when a session ends
    let sql = "SELECT n_tup_upd - 100000, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'resilience_record'";
    let counts = server.psql(sql);
    let (all, hot) = counts.split_once('|').expect("two numbers");
    let (all, hot): (u32, u32) = (all.parse().expect("a number"), hot.parse().expect("a number"));
    assert!(all == 400 && hot >= 390, "{hot} of {all}");
}

/// Between the two the sweep may come, and a sequence may deal numbers out in portions.
#[tokio::test]
async fn the_fence_rises_over_what_was_forgotten_also_where_the_sequence_does_not() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    server.psql("SELECT setval('resilience_fence', 1000)");
    let op = op("forgotten");
    let hold = granted(&store, &op, 1).await;
    store.part(&[Farewell::Abandon { hold, may_have_run: true }]).await.expect("it answers");
    assert!(store.forget(op.key, hold.fence).await.expect("it answers"));
    assert_eq!(store.inspect(op.key).await.expect("it answers"), None);
    server.psql("SELECT setval('resilience_fence', 1)");
    let next = granted(&store, &Op { fingerprint: Some([1; 32]), ..op.clone() }, 2).await;
    assert_eq!(next.fence, hold.fence + 1);
    assert_eq!(store.complete(hold, &seven(), op.ttl).await.expect("it answers"), Written::LeaseLost);
}

/// A claim of a process that has died is forgotten a ttl after its lease, but under `at_most_once` never.
#[tokio::test]
async fn what_nobody_ended_is_kept_for_its_time() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    for (name, at_most_once, state) in [("dedup", false, None), ("once", true, Some(EntryState::InDoubt))] {
        let op = Op { at_most_once, ttl: Duration::from_millis(300), ..op(name) };
        assert!(matches!(store.claim(&Claim::from(&op.request(1))).await, Ok(Claimed::Granted { .. })));
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        let entry = store.inspect(op.key).await.expect("it answers");
        assert_eq!(entry.map(|entry| entry.state), state);
    }
}
