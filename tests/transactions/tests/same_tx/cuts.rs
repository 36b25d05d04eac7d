//! The caller goes away, at every place where it can.

use std::time::{Duration, Instant};

use resilience::{Kind, idempotent, timeout};
use resilience_servers::need;
use resilience_transactions::{Body, Call, Client, End, Fault, Sqlx, run, why};
use sqlx::{Connection, PgConnection};

use crate::{by_both, connect, effects, records, server};

by_both! {
    dropped_and_rolled_back_it_has_not_happened
    dropped_and_committed_all_the_same_it_is_in_doubt
}

/// More than a call takes.
const POLLS: usize = 12;

async fn dropped_and_rolled_back_it_has_not_happened<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let mut dropped = 0;
    for end in [End::RollsBack, End::Drops] {
        for polls in 0..POLLS {
            let called = client.call(Call::of(7).polls(polls).end(end)).await;
            dropped += usize::from(called.reply.is_none());
            called.ended.expect("it ends");
            assert_eq!((effects(&server, 7), records(&server)), (0, String::new()), "{polls} {end:?}");
        }
    }
    assert!(dropped >= 4, "it was dropped at {dropped} places");
    client.call(Call::of(7)).await.value();
    assert_eq!(effects(&server, 7), 1);
}

/// Then nobody knows what of it is true, and it is not run again.
async fn dropped_and_committed_all_the_same_it_is_in_doubt<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let mut seen = Vec::new();
    // How many of its polls an answer takes is the machine's to say. One that lingers is sure to be cut after its effect.
    let places = (0..POLLS).map(|polls| (polls, Body::Charges)).chain([(5 * POLLS, Body::Lingers)]);
    for (polls, body) in places {
        let order = i64::try_from(polls).unwrap();
        let call = Call::of(order).polls(polls).body(body);
        // Behind a statement that was cut the commit is sent, or the connection is not used any more.
        let called = tokio::time::timeout(Duration::from_secs(10), client.call(call)).await.expect("it ends");
        let before = effects(&server, order);
        let mut other: C = connect(&server).await;
        let again = other.call(Call::of(order)).await.word();
        let after = effects(&server, order);
        match again.as_str() {
            "OutcomeUnknown" => assert_eq!(after, before, "{polls}"),
            "ok" => assert_eq!(after, 1, "{polls}"),
            other => panic!("{polls}: {other}"),
        }
        seen.push(format!("{} {before} {again}", called.word()));
    }
    for expected in ["dropped 0 ok", "dropped 1 OutcomeUnknown", "ok 1 ok"] {
        assert!(seen.iter().any(|seen| seen == expected), "{expected}: {seen:?}");
    }
}

const SLOW: Body = Body::Takes(Duration::from_secs(2));

#[timeout(ms = 300)]
#[idempotent(key = order, tx = tx)]
async fn cut_from_above(tx: &mut PgConnection, order: i64) -> Result<i64, Fault> {
    run(tx, order, SLOW).await
}

#[idempotent(key = order, tx = tx)]
#[timeout(ms = 300)]
async fn cut_from_below(tx: &mut PgConnection, order: i64) -> Result<i64, Fault> {
    run(tx, order, SLOW).await
}

/// In the middle of a statement, which nobody waits for.
#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_leaves_the_claim_to_the_transaction() {
    need!(Postgres);
    let server = server();
    for (order, above, commits) in [(1, true, false), (2, true, true), (3, false, false), (4, false, true)] {
        let mut client: Sqlx = connect(&server).await;
        let mut tx = client.0.begin().await.unwrap();
        let start = Instant::now();
        let reply =
            if above { cut_from_above(&mut tx, order).await } else { cut_from_below(&mut tx, order).await };
        assert_eq!(why(&reply).0, Kind::Timeout);
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
        let ended = if commits { tx.commit().await } else { tx.rollback().await };
        ended.expect("it ends, behind the statement");
        assert_eq!(effects(&server, order), usize::from(commits), "{order}");
        let mut tx = client.0.begin().await.unwrap();
        let again =
            if above { cut_from_above(&mut tx, order).await } else { cut_from_below(&mut tx, order).await };
        // It would run into its timeout again.
        assert_eq!(why(&again).0, if commits { Kind::OutcomeUnknown } else { Kind::Timeout }, "{order}");
        tx.rollback().await.unwrap();
    }
    assert_eq!(records(&server), "1 1");
}
