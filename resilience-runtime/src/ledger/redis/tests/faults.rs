//! What is lost on the way, and what a server does to records behind our back.

use super::*;
use resilience_servers::{Fate, Message, Side};

#[tokio::test]
async fn a_claim_whose_reply_was_lost_is_the_same_when_sent_again() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let (near, far) = (store(&server.url()).await, store(&server.url_at(proxy.port())).await);
    granted(&far, &op("warm"), 1).await;
    let op = op("lost claim");
    proxy.swallow_reply(1);
    let before = proxy.counts().connections;
    let fence = granted(&far, &op, 1).await.fence;
    assert_eq!(proxy.counts().connections, before + 1, "it was sent again, on a new connection");
    let request = Claim::from(&op.request(2));
    let Ok(Claimed::Running { fence: other, .. }) = near.claim(&request).await else { panic!("not granted") };
    assert_eq!(other, fence);
    // Not for ever: whoever cuts each of them is told so.
    let of_server = |message: &Message<'_>| message.from == Side::Server;
    proxy.watch(move |message| if of_server(message) { Fate::Cut } else { Fate::Pass });
    let error =
        far.claim(&Claim::from(&super::op("again").request(1))).await.expect_err("it is cut each time");
    assert!(error.may_have_been_sent() && !error.may_be_repeated(), "{error}");
}

#[tokio::test]
async fn a_result_whose_reply_was_lost_is_written_once() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&server.url_at(proxy.port())).await;
    let warm = op("warm");
    let held = hold(&warm, 1, &ledger.claim(&warm.request(1)).await);
    ledger.complete(held, seven(), TTL).await.expect("it answers");
    let op = op("lost result");
    let held = hold(&op, 1, &ledger.claim(&op.request(1)).await);
    proxy.swallow_reply(1);
    assert_eq!(ledger.complete(held, seven(), TTL).await.expect("it is sent again"), Written::Yes);
    let eight = Stored { version: 3, body: Body::Value("8".into()) };
    assert_eq!(ledger.complete(held, eight, TTL).await.expect("it answers"), Written::Yes);
    let Ok(Claimed::Done(stored)) = ledger.claim(&op.request(2)).await else { panic!("not done") };
    assert_eq!(stored, seven(), "what was written first");
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("flushed");
    for owner in 1..4 {
        server.cli(&["SCRIPT", "FLUSH"]);
        let held = granted(&store, &op, owner).await;
        server.cli(&["SCRIPT", "FLUSH"]);
        assert_eq!(store.release(held).await.expect("it answers"), Written::Yes);
    }
}

/// `FLUSHALL`, or a failover to a replica that had not heard of it yet: nobody can tell that it was ever there.
#[tokio::test]
async fn what_the_server_lost_may_run_again_and_the_one_before_has_lost() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("wiped");
    let first = granted(&store, &op, 1).await;
    server.cli(&["FLUSHALL"]);
    assert_eq!(store.complete(first, &seven(), TTL).await.expect("it answers"), Written::LeaseLost);
    let second = granted(&store, &op, 2).await;
    assert!(second.fence > first.fence);
    assert_eq!(store.complete(first, &seven(), TTL).await.expect("it answers"), Written::LeaseLost);
    assert_eq!(store.renew(first, TTL).await.expect("it answers"), Written::LeaseLost);
}

#[tokio::test]
async fn a_server_without_room_takes_no_claim() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("no room");
    let held = granted(&store, &op, 1).await;
    server.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let error = store.claim(&Claim::from(&self::op("other").request(1))).await.expect_err("no room");
    assert!(error.to_string().contains("maxmemory"), "{error}");
    assert!(store.complete(held, &seven(), TTL).await.is_err());
    server.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(store.complete(held, &seven(), TTL).await.expect("it answers"), Written::Yes);
}

/// The clock of a server may step back. A fence that it once gave is never given again while the record is there, and
/// for a forgotten one no sooner than its ttl.
#[tokio::test]
async fn the_fence_rises_over_a_clock_that_steps_back() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("clock");
    let held = granted(&store, &op, 1).await;
    store.part(&[Farewell::Abandon { hold: held, may_have_run: true }]).await.expect("it answers");
    // As if it had been granted in an hour.
    let ahead = held.fence + 3_600_000_000;
    let record = store.line.ask(redis::cmd("GET").arg(name(&op))).await.expect("it answers");
    let Value::BulkString(mut record) = record else { panic!("no record") };
    record[55..63].copy_from_slice(&ahead.to_be_bytes());
    store.line.ask(redis::cmd("SET").arg(name(&op)).arg(record).arg("KEEPTTL")).await.expect("it answers");

    let second = granted(&store, &op, 2).await;
    assert_eq!(second.fence, ahead + 1);
    store.part(&[Farewell::Abandon { hold: second, may_have_run: true }]).await.expect("it answers");
    assert!(store.forget(op.key, second.fence).await.expect("it answers"));
    assert_eq!(store.inspect(op.key).await.expect("it answers"), None);
    let third = granted(&store, &op, 3).await;
    assert_eq!(third.fence, ahead + 2);
    let entry = store.inspect(op.key).await.expect("it answers").expect("a record");
    assert_eq!(entry.attempt, 1, "forgotten is forgotten");
}

/// A round trip is long under load, and in it many more give up.
#[tokio::test]
async fn many_farewells_are_one_round_trip() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let store = store(&server.url_at(proxy.port())).await;
    let key = op("given up").key;
    let many: Vec<_> = (0..1_000).map(|owner| Farewell::Withdraw { key, owner }).collect();
    store.part(&many[..1]).await.expect("it answers");
    proxy.delay(Duration::from_millis(50));
    let mut took = Vec::new();
    for count in [1, 1_000] {
        let start = Instant::now();
        store.part(&many[..count]).await.expect("it answers");
        took.push(start.elapsed());
    }
    assert!(took[1] < took[0] * 10, "{took:?}");
}
