//! The process dies, or the connection, or the server.

use std::process::{Command, Stdio};
use std::time::Duration;

use resilience_servers::{Proxy, need};
use resilience_transactions::{Body, Call, Client, Sqlx};

use crate::{ASLEEP, by_both, connect, effects, records, server, until};

by_both! {
    a_connection_cut_between_effect_and_commit_leaves_neither
    when_the_reply_to_the_commit_is_lost_the_next_call_has_the_result
    at_each_reply_that_is_lost_there_is_one_effect_at_last
}

async fn a_connection_cut_between_effect_and_commit_leaves_neither<C: Client>() {
    let server = server();
    let mut client: C = connect(&server).await;
    let slow = Call::of(7).body(Body::Takes(Duration::from_secs(30)));
    let call = tokio::spawn(async move { client.call(slow).await.word() });
    until(&server, ASLEEP).await;
    server.psql(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ASLEEP}"));
    assert_eq!(call.await.unwrap(), "database");
    assert_eq!((effects(&server, 7), records(&server)), (0, String::new()));
    let mut other: C = connect(&server).await;
    other.call(Call::of(7)).await.value();
    assert_eq!(effects(&server, 7), 1);
}

async fn when_the_reply_to_the_commit_is_lost_the_next_call_has_the_result<C: Client>() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let mut client = C::connect(&server.url_at(proxy.port())).await;
    client.call(Call::of(1)).await.value();
    // BEGIN, what the caller says first, claim, effect, completion, COMMIT; a body may prepare statements.
    let requests = proxy.counts().requests;
    client.call(Call::of(2)).await.value();
    let of_a_call = proxy.counts().requests - requests;
    proxy.swallow_reply(of_a_call);
    let called = client.call(Call::of(7)).await;
    called.ended.expect_err("its reply is lost");
    let value = called.reply.unwrap().unwrap();
    assert_eq!((effects(&server, 7), records(&server)), (1, "3 3 3".to_owned()));
    let mut other: C = connect(&server).await;
    assert_eq!(other.call(Call::of(7)).await.value(), value);
    assert_eq!(effects(&server, 7), 1);
}

async fn at_each_reply_that_is_lost_there_is_one_effect_at_last<C: Client>() {
    let server = server();
    let mut other: C = connect(&server).await;
    for lost in 2..=7 {
        let order = i64::try_from(lost).unwrap();
        let proxy = Proxy::start(server.port());
        let mut client = C::connect(&server.url_at(proxy.port())).await;
        proxy.swallow_reply(lost);
        // The first words are a part of the helper, and fail it.
        let _ = tokio::spawn(async move { client.call(Call::of(order)).await.word() }).await;
        other.call(Call::of(order)).await.value();
        assert_eq!(effects(&server, order), 1, "{lost}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_between_effect_and_commit_leaves_neither() {
    need!(Postgres);
    let server = server();
    let mut process = Command::new(env!("CARGO_BIN_EXE_resilience-transactions"))
        .args([&server.url(), "7"])
        .stdin(Stdio::null())
        .spawn()
        .expect("it starts");
    // The effect is in its transaction, and it waits there.
    until(&server, "state = 'idle in transaction' AND query LIKE '%INTO effect%'").await;
    process.kill().expect("it lives");
    process.wait().expect("it ends");
    // A duplicate that comes at once waits until the server has noticed.
    let mut client: Sqlx = connect(&server).await;
    client.call(Call::of(7)).await.value();
    assert_eq!((effects(&server, 7), records(&server)), (1, "3".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_crashes_keeps_both_or_neither() {
    need!(Postgres);
    let server = server();
    let mut client: Sqlx = connect(&server).await;
    let value = client.call(Call::of(7)).await.value();
    server.psql("CHECKPOINT");
    let slow = Call::of(8).body(Body::Takes(Duration::from_secs(30)));
    let call = tokio::spawn(async move { client.call(slow).await.word() });
    until(&server, ASLEEP).await;
    server.kill9();
    server.start_again();
    assert_eq!(call.await.unwrap(), "database");
    let mut client: Sqlx = connect(&server).await;
    assert_eq!(client.call(Call::of(7)).await.value(), value);
    client.call(Call::of(8)).await.value();
    assert_eq!((effects(&server, 7), effects(&server, 8), records(&server)), (1, 1, "3 3".to_owned()));
}
