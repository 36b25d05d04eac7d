//! What is true when the transaction has ended.

use resilience::{context, exclusive, idempotent};
use resilience_servers::need;
use resilience_transactions::{Body, Call, Client, End, Fault, Says, Sqlx};
use sqlx::{Connection, PgConnection};

use crate::{by_both, connect, effects, records, server};

by_both! {
    commit_makes_both_true
    rollback_makes_neither_true
    a_failure_leaves_nothing_in_the_transaction
    a_failure_that_is_kept_is_a_result
    other_values_are_refused
    a_claim_from_outside_of_a_transaction_counts
    a_result_that_is_over_is_taken_over
    a_transaction_that_a_statement_has_spoilt_has_no_result
}

async fn commit_makes_both_true<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let first = client.call(Call::of(7)).await.value();
    let again = client.call(Call::of(7)).await.value();
    let mut other: C = connect(&server).await;
    assert_eq!((again, other.call(Call::of(7)).await.value()), (first, first));
    assert_ne!(client.call(Call::of(8)).await.value(), first);
    assert_eq!((effects(&server, 7), effects(&server, 8), records(&server)), (1, 1, "3 3".to_owned()));
    let row = server.psql("SELECT text, state, convert_from(body, 'UTF8'), attempt FROM resilience_record ORDER BY text LIMIT 1");
    assert_eq!(row, format!("7|3|{first}|1"));
}

async fn rollback_makes_neither_true<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    for end in [End::RollsBack, End::Drops] {
        let called = client.call(Call::of(7).end(end)).await;
        assert_eq!(called.word(), "ok");
        assert_eq!((effects(&server, 7), records(&server)), (0, String::new()), "{end:?}");
    }
    client.call(Call::of(7)).await.value();
    assert_eq!((effects(&server, 7), records(&server)), (1, "3".to_owned()));
}

/// The caller may commit what else he has done.
async fn a_failure_leaves_nothing_in_the_transaction<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let note = "INSERT INTO effect (order_id) VALUES (1)";
    for (body, notes) in [(Body::Declines, 1), (Body::FailsLate, 2)] {
        let called = client.call(Call::of(7).body(body).first(note)).await;
        assert_eq!(called.word(), "declined");
        called.ended.expect("it commits");
        let found = (effects(&server, 7), effects(&server, 1), records(&server));
        assert_eq!(found, (0, notes, String::new()), "{body:?}");
    }
    client.call(Call::of(7)).await.value();
    assert_eq!(effects(&server, 7), 1);
}

async fn a_failure_that_is_kept_is_a_result<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    // Only with the transaction.
    let failing = Call::of(7).body(Body::FailsLate);
    assert_eq!(client.call_keeping(failing.end(End::RollsBack)).await.word(), "declined");
    assert_eq!((effects(&server, 7), records(&server)), (0, String::new()));
    assert_eq!(client.call_keeping(failing).await.word(), "declined");
    assert_eq!((effects(&server, 7), records(&server)), (1, "4".to_owned()));
    // It would charge, if it ran.
    assert_eq!(client.call_keeping(Call::of(7)).await.word(), "declined");
    assert_eq!(effects(&server, 7), 1);
}

async fn other_values_are_refused<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let first = client.call_with_print(Call::of(7), 100).await.value();
    let before = server.psql("SELECT * FROM resilience_record");
    let note = "INSERT INTO effect (order_id) VALUES (1)";
    let other = client.call_with_print(Call::of(7).first(note), 200).await;
    assert_eq!(other.word(), "KeyReused");
    other.ended.expect("it commits");
    assert_eq!(server.psql("SELECT * FROM resilience_record"), before);
    assert_eq!(client.call_with_print(Call::of(7), 100).await.value(), first);
    assert_eq!((effects(&server, 7), effects(&server, 1)), (1, 1));
}

/// The function had no `tx` before, and a call of it still runs, or has been interrupted.
async fn a_claim_from_outside_of_a_transaction_counts<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    client.call(Call::of(7)).await.value();
    let outside = |state, at_most_once, lease: &str| {
        server.psql(&format!(
            "UPDATE resilience_record SET owner = '\\x01', state = {state}, at_most_once = {at_most_once}, body = NULL, \
             lease_until = now() + interval '{lease}', expires_at = NULL"
        ));
    };
    outside(0, false, "1 hour");
    let running = client.call(Call::of(7)).await;
    assert_eq!(running.word(), "InProgress");
    for (state, at_most_once, expected) in [
        (0, true, "OutcomeUnknown"),
        (1, true, "OutcomeUnknown"),
        (0, false, "ok"),
        (1, false, "ok"),
        (2, true, "ok"),
    ] {
        outside(state, at_most_once, "-1 s");
        assert_eq!(client.call(Call::of(7)).await.word(), expected, "{state} {at_most_once}");
    }
    assert_eq!(server.psql("SELECT state, attempt, at_most_once FROM resilience_record"), "3|4|t");
    assert_eq!(effects(&server, 7), 4);
}

async fn a_result_that_is_over_is_taken_over<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let first = client.call(Call::of(7)).await.value();
    let fence = "SELECT fence FROM resilience_record";
    let before: u64 = server.psql(fence).parse().unwrap();
    server.psql("UPDATE resilience_record SET expires_at = now()");
    // A rollback leaves it as it was.
    assert_eq!(client.call(Call::of(7).end(End::RollsBack)).await.word(), "ok");
    assert_eq!(server.psql(fence).parse::<u64>().unwrap(), before);
    assert_ne!(client.call(Call::of(7)).await.value(), first);
    assert!(server.psql(fence).parse::<u64>().unwrap() > before);
    assert_eq!((effects(&server, 7), records(&server)), (2, "3".to_owned()));
}

/// A commit would be a rollback, and nobody would know.
async fn a_transaction_that_a_statement_has_spoilt_has_no_result<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let called = client.call(Call::of(7).body(Body::Ignores)).await;
    let (kind, why) = resilience_transactions::why(called.reply.as_ref().unwrap());
    assert_eq!(kind, resilience::Kind::Store);
    assert!(why.contains("a statement has failed in this transaction before"), "{why}");
    // The caller may go on: nothing of the call is left.
    called.ended.expect("it commits");
    assert_eq!((effects(&server, 7), records(&server)), (0, String::new()));
}

#[idempotent(key = order, tx = tx)]
async fn token(tx: &mut PgConnection, order: i64) -> Result<Option<u64>, Fault> {
    Ok(context::fencing_token())
}

#[exclusive(key = order)]
async fn led(tx: &mut PgConnection, order: i64) -> Result<Option<u64>, Fault> {
    let own = context::fencing_token();
    assert!(own.is_some());
    assert_eq!(token(tx, order).await?, own);
    Ok(own)
}

/// It has none of its own, and hides none.
#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_that_of_the_right_around_it() {
    need!(Postgres);
    let server = server();
    let mut client: Sqlx = connect(&server).await;
    let mut tx = client.0.begin().await.unwrap();
    assert_eq!(token(&mut tx, 1).await.unwrap(), None);
    assert!(led(&mut tx, 2).await.unwrap().is_some());
    tx.commit().await.unwrap();
    assert_eq!(records(&server), "3 3");
}

#[idempotent(key = order, optional, tx = tx)]
async fn optional(tx: &mut PgConnection, order: Option<i64>) -> Result<i64, Fault> {
    assert_eq!(context::idempotency_key().is_some(), order.is_some());
    let effect = "INSERT INTO effect (order_id) VALUES (7) RETURNING run::int8".to_owned();
    Ok(tx.say(effect).await?.expect("a row"))
}

/// Its effect is the caller's business alone.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_written_beside_the_effect() {
    need!(Postgres);
    let server = server();
    let mut client: Sqlx = connect(&server).await;
    let mut tx = client.0.begin().await.unwrap();
    let (first, second) = (optional(&mut tx, None).await.unwrap(), optional(&mut tx, None).await.unwrap());
    assert_ne!(first, second);
    let third = optional(&mut tx, Some(1)).await.unwrap();
    assert_eq!(optional(&mut tx, Some(1)).await.unwrap(), third);
    tx.commit().await.unwrap();
    assert_eq!((effects(&server, 7), records(&server)), (3, "3".to_owned()));
}
