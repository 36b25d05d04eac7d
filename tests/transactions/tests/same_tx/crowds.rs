//! Several at once.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use resilience::{Kind, context, retry};
use resilience_servers::{Postgres, need};
use resilience_transactions::{Body, Call, Client, End, Fault, Sqlx, Tokio, why};
use tokio::task::JoinSet;

use crate::{ASLEEP, by_both, connect, effects, records, server, until};

by_both! {
    of_many_duplicates_one_runs_and_all_have_its_result
    when_the_first_rolls_back_the_second_runs
    a_wait_is_bounded_by_the_deadline
    an_older_snapshot_is_a_conflict
    who_takes_over_is_one
}

const READ_COMMITTED: &str = "";
const REPEATABLE_READ: &str = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1";
const SERIALIZABLE: &str = "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SELECT 1";

/// Calls of one key on connections of their own, each again for as long as it is in conflict.
async fn crowd<C: Client>(server: &Postgres, number: usize, call: Call) -> Vec<i64> {
    let mut clients = Vec::new();
    for _ in 0..number {
        clients.push(connect::<C>(server).await);
    }
    let mut calls = JoinSet::new();
    for mut client in clients {
        calls.spawn(async move {
            loop {
                let called = client.call(call).await;
                match (called.word().as_str(), &called.ended) {
                    ("ok", Ok(())) => return called.value(),
                    // At the commit, or at the statement of the body.
                    ("Conflict" | "ok" | "database", _) => {}
                    (other, _) => panic!("{other}"),
                }
            }
        });
    }
    calls.join_all().await
}

async fn of_many_duplicates_one_runs_and_all_have_its_result<C: Client>() {
    let server = server();
    let isolations = [READ_COMMITTED, REPEATABLE_READ, SERIALIZABLE];
    for (order, first) in (0..).zip(isolations) {
        let call = Call::of(order).first(first).body(Body::Takes(Duration::from_millis(20)));
        let values = crowd::<C>(&server, 32, call).await;
        assert_eq!(values, vec![values[0]; 32], "{first}");
        assert_eq!(effects(&server, order), 1, "{first}");
    }
    assert_eq!(records(&server), "3 3 3");
}

async fn when_the_first_rolls_back_the_second_runs<C: Client>() {
    let server = server();
    let (mut one, mut two): (C, C) = (connect(&server).await, connect(&server).await);
    for (order, end, effect) in [(7, End::RollsBack, 1), (8, End::Commits, 1)] {
        let slow = Call::of(order).body(Body::Takes(Duration::from_millis(300))).end(end);
        let first = tokio::spawn(async move { (one.call(slow).await, one) });
        until(&server, ASLEEP).await;
        let second = two.call(Call::of(order)).await.value();
        let (called, back) = first.await.unwrap();
        one = back;
        let replayed = called.reply.unwrap().unwrap() == second;
        assert_eq!((replayed, effects(&server, order)), (end == End::Commits, effect), "{end:?}");
    }
}

async fn a_wait_is_bounded_by_the_deadline<C: Client>() {
    let server = server();
    let (mut one, mut two): (C, C) = (connect(&server).await, connect(&server).await);
    let slow = Call::of(7).body(Body::Takes(Duration::from_secs(3)));
    let first = tokio::spawn(async move { one.call(slow).await });
    until(&server, ASLEEP).await;
    let start = Instant::now();
    let deadline = start + Duration::from_millis(400);
    let note = "SET LOCAL lock_timeout = '1min'; INSERT INTO effect (order_id) VALUES (1)";
    let second = context::with_deadline(deadline, two.call(Call::of(7).first(note))).await;
    let took = start.elapsed();
    let (kind, said) = why(second.reply.as_ref().unwrap());
    assert_eq!(kind, Kind::InProgress);
    assert!(said.contains("still open"), "{said}");
    assert!((300..2000).contains(&took.as_millis()), "{took:?}");
    // The transaction is as it was before the call.
    second.ended.expect("it commits");
    assert_eq!(effects(&server, 1), 1);
    // A limit of the caller's that is shorter counts.
    let start = Instant::now();
    let deadline = start + Duration::from_mins(1);
    let second = two.call(Call::of(7).first("SET LOCAL lock_timeout = '200ms'"));
    let second = context::with_deadline(deadline, second).await;
    assert_eq!(second.word(), "InProgress");
    assert!((200..2000).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    let value = first.await.unwrap().value();
    let third = context::with_deadline(Instant::now() + Duration::from_mins(1), two.call(Call::of(7))).await;
    assert_eq!(third.value(), value);
}

/// What another one has committed since cannot be seen in it.
async fn an_older_snapshot_is_a_conflict<C: Client>() {
    let server = server();
    let (mut one, mut two): (C, C) = (connect(&server).await, connect(&server).await);
    for (order, isolation) in [(7, REPEATABLE_READ), (8, SERIALIZABLE)] {
        let slow = Call::of(order).body(Body::Takes(Duration::from_millis(200)));
        let first = tokio::spawn(async move { (one.call(slow).await.value(), one) });
        until(&server, ASLEEP).await;
        let second = two.call(Call::of(order).first(isolation)).await;
        let (kind, said) = why(second.reply.as_ref().unwrap());
        assert_eq!(kind, Kind::Conflict);
        assert!(said.contains("retry the function that begins this transaction"), "{said}");
        let (value, back) = first.await.unwrap();
        one = back;
        assert_eq!(two.call(Call::of(order).first(isolation)).await.value(), value);
        assert_eq!(effects(&server, order), 1);
    }
}

/// The record of an interrupted call is there already.
async fn who_takes_over_is_one<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    client.call(Call::of(7)).await.value();
    server.psql("UPDATE resilience_record SET expires_at = now()");
    let values = crowd::<C>(&server, 16, Call::of(7).body(Body::Takes(Duration::from_millis(20)))).await;
    let last: i64 = server.psql("SELECT max(run) FROM effect").parse().unwrap();
    assert_eq!((values, effects(&server, 7)), (vec![last; 16], 2));
}

/// The limit of the caller's own waits stands again in the body, and afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_callers_own_is_put_back() {
    need!(Postgres);
    let server = server();
    let mut client: Sqlx = connect(&server).await;
    let start = Instant::now() + Duration::from_secs(5);
    let first = "SET LOCAL lock_timeout = '7s'; CREATE FUNCTION pg_temp.seen() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN NEW.order_id := extract(epoch FROM current_setting('lock_timeout')::interval); RETURN NEW; END $$; \
                 CREATE TRIGGER seen BEFORE INSERT ON effect FOR EACH ROW EXECUTE FUNCTION pg_temp.seen()";
    let called = context::with_deadline(start, client.call(Call::of(9).first(first))).await;
    called.value();
    assert_eq!(server.psql("SELECT order_id FROM effect"), "7");
}

/// The name of the function is a part of the key.
#[tokio::test(flavor = "multi_thread")]
async fn two_functions_have_two_records() {
    need!(Postgres);
    let server = server();
    let (mut one, mut two) = (connect::<Sqlx>(&server).await, connect::<Tokio>(&server).await);
    one.call(Call::of(7)).await.value();
    two.call(Call::of(7)).await.value();
    assert_eq!((effects(&server, 7), records(&server)), (2, "3 3".to_owned()));
}

#[retry(attempts = 3, backoff = none, repeatable = "it is one transaction")]
async fn checkout(client: &mut Sqlx, runs: &AtomicU32) -> Result<i64, Fault> {
    runs.fetch_add(1, Ordering::Relaxed);
    let called = client.call(Call::of(7).first(REPEATABLE_READ)).await;
    called.ended?;
    called.reply.expect("it was not dropped")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_around_the_transaction_repeats_a_conflict() {
    need!(Postgres);
    let server = server();
    let (mut one, mut two) = (connect::<Sqlx>(&server).await, connect::<Sqlx>(&server).await);
    let slow = Call::of(7).body(Body::Takes(Duration::from_millis(300)));
    let first = tokio::spawn(async move { one.call(slow).await.value() });
    until(&server, ASLEEP).await;
    let runs = AtomicU32::new(0);
    let second = checkout(&mut two, &runs).await.unwrap();
    assert_eq!((second, runs.into_inner()), (first.await.unwrap(), 2));
    assert_eq!(effects(&server, 7), 1);
}
