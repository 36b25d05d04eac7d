//! What goes wrong between here and the server, and there.

use std::time::Instant;

use resilience_servers::Proxy;
use tokio::task::JoinSet;

use super::*;
use crate::ledger::LedgerError;
use crate::ledger::remote::standstill;

/// Again and again, as the engine does, until there is an answer.
async fn insist<T, F: Future<Output = Result<T, LedgerError>>>(ask: impl Fn() -> F) -> T {
    let asked = async {
        loop {
            match ask().await {
                Ok(answer) => return answer,
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("an answer in the end")
}

async fn attempts(store: &PostgresStore, op: &Op) -> u32 {
    store.inspect(op.key).await.expect("it answers").expect("a record").attempt
}

#[tokio::test]
async fn a_reply_that_is_lost_after_the_commit_is_asked_for_again() {
    need!(Postgres);
    let server = server();
    let proxy = Proxy::start(server.port());
    for prepare in ["on", "off"] {
        let store = store(&format!("{}?pool_max=2&prepare={prepare}", server.url_at(proxy.port()))).await;
        let warm = granted(&store, &op(&format!("warm {prepare}")), 1).await;
        store.complete(warm, &seven(), Duration::from_mins(1)).await.expect("it answers");
        let op = op(&format!("lost {prepare}"));
        proxy.swallow_reply(1);
        let hold = granted(&store, &op, 1).await;
        assert_eq!(attempts(&store, &op).await, 1, "the same claim");
        proxy.swallow_reply(1);
        assert_eq!(store.renew(hold, Duration::from_mins(1)).await.expect("it answers"), Written::Yes);
        proxy.swallow_reply(1);
        assert_eq!(store.complete(hold, &seven(), op.ttl).await.expect("it answers"), Written::Yes);
        assert!(matches!(store.claim(&Claim::from(&op.request(2))).await, Ok(Claimed::Done(_))));
        // Of what was in doubt, too.
        let op = super::op(&format!("lost takeover {prepare}"));
        let hold = granted(&store, &op, 1).await;
        store.part(&[Farewell::Abandon { hold, may_have_run: true }]).await.expect("it answers");
        proxy.swallow_reply(2);
        granted(&store, &op, 2).await;
        assert_eq!(attempts(&store, &op).await, 2);
    }
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_has_lost_nothing() {
    need!(Postgres);
    let server = Postgres::start();
    let ledger = ledger(&server.url()).await;
    let (done, running) = (op("done"), op("running"));
    for (op, owner) in [(&done, 1), (&running, 2)] {
        assert!(matches!(ledger.claim(&long(op, owner)).await, Ok(Claimed::Granted { .. })));
    }
    let fence = ledger.inspect(done.key).await.expect("it answers").expect("a record").fence;
    let hold = Hold { key: done.key, owner: 1, fence };
    assert_eq!(ledger.complete(hold, seven(), done.ttl).await.expect("it answers"), Written::Yes);
    server.kill9();
    let at = Instant::now();
    let error = ledger.claim(&long(&op("meanwhile"), 3)).await.expect_err("it fails closed");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    // Not each of them tries to connect.
    for owner in 0..1_000 {
        ledger.claim(&long(&op("meanwhile"), owner)).await.expect_err("it fails closed");
    }
    assert!(at.elapsed() < Duration::from_secs(2), "{:?}", at.elapsed());
    server.start_again();
    let claimed = insist(|| async { ledger.claim(&done.request(4)).await }).await;
    assert!(matches!(&claimed, Claimed::Done(result) if *result == seven()), "{claimed:?}");
    let entry = ledger.inspect(running.key).await.expect("it answers").expect("a record");
    assert_eq!((entry.state, entry.attempt), (crate::EntryState::Running, 1));
}

/// As an operator, a failover or a pooler does it, to every connection, all the time.
#[tokio::test(flavor = "multi_thread")]
async fn terminated_sessions_lose_nothing_and_run_nothing_twice() {
    need!(Postgres);
    let server = Postgres::start();
    let store = Arc::new(store(&server.url()).await);
    let mut work = JoinSet::new();
    for task in 0..8_u128 {
        let store = Arc::clone(&store);
        work.spawn(async move {
            for number in 0..60 {
                let op = op(&format!("{task} {number}"));
                let owner = 1 + task;
                let claimed = insist(|| async { store.claim(&Claim::from(&long(&op, owner))).await }).await;
                let Claimed::Granted { fence } = claimed else { panic!("{claimed:?}") };
                let hold = Hold { key: op.key, owner, fence };
                let written = insist(|| async { store.complete(hold, &seven(), op.ttl).await }).await;
                assert_eq!(written, Written::Yes);
            }
        });
    }
    let mut killed = 0;
    let kill =
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'resilience'";
    while !work.is_empty() {
        killed += server.psql(kill).parse::<u32>().expect("a number");
        tokio::time::sleep(Duration::from_millis(20)).await;
        while let Some(done) = work.try_join_next() {
            done.expect("it runs");
        }
    }
    assert!(killed > 8, "{killed}");
    let sums = "SELECT count(*), min(state), max(state), max(attempt) FROM resilience_record";
    assert_eq!(server.psql(sums), "480|3|3|1");
}

/// The server gives up a statement twice, and then runs it: as after a conflict, a deadlock, the end of a session.
#[tokio::test]
async fn what_the_server_gave_up_is_sent_again() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    server.psql(
        "CREATE SEQUENCE faults; CREATE TABLE fault (code text, times int); INSERT INTO fault VALUES ('00000', 0);
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE f fault; BEGIN
           SELECT * INTO f FROM fault;
           IF nextval('faults') <= f.times THEN RAISE EXCEPTION USING ERRCODE = f.code, MESSAGE = 'as asked'; END IF;
           RETURN NEW; END $$;
         CREATE TRIGGER fail BEFORE INSERT OR UPDATE ON resilience_record FOR EACH ROW EXECUTE FUNCTION fail();",
    );
    let fail = |code: &str, times: u32| {
        server.psql(&format!(
            "ALTER SEQUENCE faults RESTART; UPDATE fault SET code = '{code}', times = {times}"
        ))
    };
    for code in ["40001", "40P01", "57P01"] {
        let op = op(code);
        fail(code, 2);
        let hold = granted(&store, &op, 1).await;
        fail(code, 2);
        assert_eq!(store.complete(hold, &seven(), op.ttl).await.expect("the third time"), Written::Yes);
        fail(code, 3);
        let error = store.claim(&Claim::from(&long(&super::op("more"), 1))).await.expect_err("not for ever");
        assert!(error.to_string().contains(&format!("as asked ({code})")), "{error}");
    }
    // A full disk. It is not asked again: it would be full again.
    fail("53100", 1);
    let error = store.claim(&Claim::from(&long(&op("full"), 1))).await.expect_err("it fails closed");
    assert!(error.to_string().contains("(53100)"), "{error}");
    granted(&store, &op("full"), 1).await;
}

/// A trigger of somebody else's that takes each key for a number, and one that says what it has got.
#[tokio::test]
async fn a_server_that_quotes_the_key_is_not_repeated() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    for fails in [
        "SELECT NEW.text::bigint INTO n",
        "RAISE EXCEPTION 'no %', NEW.text USING HINT = NEW.text, DETAIL = NEW.text",
        "EXECUTE NEW.text",
    ] {
        server.psql(&format!(
            "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
               {fails}; RETURN NEW; END $$;
             CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON resilience_record FOR EACH ROW EXECUTE FUNCTION fail();"
        ));
        let error =
            store.claim(&Claim::from(&long(&op("4111-s3cr3t"), 1))).await.expect_err("it fails closed");
        let said = format!("{error} {error:?}");
        assert!(said.contains("stand in its own log") && !said.contains("4111-s3cr3t"), "{said}");
    }
}

/// With sessions that are not ours to set up, conflicts are real.
#[tokio::test(flavor = "multi_thread")]
async fn serializable_sessions_have_one_winner_too() {
    need!(Postgres);
    let server = server();
    server.psql("ALTER ROLE resilience SET default_transaction_isolation = serializable");
    for prepare in ["on", "off"] {
        let url = format!("{}?pool_max=16&timeout=30s&prepare={prepare}", server.url());
        let store = Arc::new(store(&url).await);
        for round in 0..50 {
            let op = op(&format!("{prepare} {round}"));
            let mut crowd = JoinSet::new();
            for owner in 1..=16 {
                let (store, op) = (Arc::clone(&store), op.clone());
                crowd.spawn(async move {
                    let claimed =
                        insist(|| async { store.claim(&Claim::from(&long(&op, owner))).await }).await;
                    matches!(claimed, Claimed::Granted { .. })
                });
            }
            assert_eq!(crowd.join_all().await.into_iter().filter(|won| *won).count(), 1);
        }
    }
}

#[tokio::test]
async fn a_server_that_stands_still_holds_nobody_longer_than_the_timeout() {
    need!(Postgres);
    let server = server();
    let ledger = ledger(&format!("{}?timeout=500ms&connect_timeout=1s", server.url())).await;
    server.pause();
    let at = Instant::now();
    let error = ledger.claim(&long(&op("still"), 1)).await.expect_err("it fails closed");
    assert!(error.to_string().contains("no answer within 500ms"), "{error}");
    assert!(at.elapsed() < Duration::from_secs(2));
    server.go_on();
    // The server may have done it: the same owner has it.
    let claimed = insist(|| async { ledger.claim(&long(&op("still"), 1)).await }).await;
    assert!(matches!(claimed, Claimed::Granted { .. }));
    assert_eq!(ledger.inspect(op("still").key).await.expect("it answers").expect("a record").attempt, 1);
}

/// It may be one to a host that is gone.
#[tokio::test]
async fn a_connection_that_owes_an_answer_is_not_handed_on() {
    need!(Postgres);
    let server = server();
    let proxy = Proxy::start(server.port());
    let url = format!("{}?pool_max=1&timeout=300ms", server.url_at(proxy.port()));
    let ledger = ledger(&url).await;
    assert!(matches!(ledger.claim(&long(&op("before"), 1)).await, Ok(Claimed::Granted { .. })));
    let before = proxy.counts().connections;
    proxy.stall(true);
    ledger.claim(&long(&op("stalled"), 1)).await.expect_err("no answer");
    proxy.stall(false);
    insist(|| async { ledger.claim(&long(&op("after"), 1)).await }).await;
    assert_eq!(proxy.counts().connections, before + 1);
}

#[tokio::test]
async fn callers_without_a_connection_do_not_wait_for_ever() {
    need!(Postgres);
    let server = server();
    let url = format!("{}?pool_max=1&timeout=500ms", server.url());
    let ledger = Arc::new(ledger(&url).await);
    assert!(matches!(ledger.claim(&long(&op("locked"), 1)).await, Ok(Claimed::Granted { .. })));
    let fence = ledger.inspect(op("locked").key).await.expect("it answers").expect("a record").fence;
    let other = store(&server.url()).await;
    // Somebody holds the row, and with it the only connection.
    let lock = "BEGIN; SELECT * FROM resilience_record FOR UPDATE; SELECT pg_sleep(2); COMMIT;";
    let locked = async { other.chores.script(lock).await.expect("it ends") };
    let calls = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let at = Instant::now();
        let hold = Hold { key: op("locked").key, owner: 1, fence };
        let requests = [op("other"), op("another")];
        let requests = [long(&requests[0], 1), long(&requests[1], 1)];
        let (one, two, three) = tokio::join!(
            ledger.complete(hold, seven(), Duration::from_mins(1)),
            ledger.claim(&requests[0]),
            ledger.claim(&requests[1]),
        );
        assert!(one.is_err() && two.is_err() && three.is_err());
        assert!(at.elapsed() < Duration::from_secs(1));
        insist(|| ledger.complete(hold, seven(), Duration::from_mins(1))).await
    };
    let ((), written) = tokio::join!(locked, calls);
    assert_eq!(written, Written::Yes);
}

/// As many polls as it takes to be anywhere.
#[tokio::test]
async fn callers_who_leave_leave_nothing_open() {
    need!(Postgres);
    let server = server();
    let store = store(&format!("{}?pool_max=2", server.url())).await;
    for polls in 0..60 {
        let op = op(&format!("left {polls}"));
        let request = Claim::from(&long(&op, 1));
        let mut claim = Box::pin(store.claim(&request));
        let mut left = polls % 12;
        std::future::poll_fn(|cx| {
            if left == 0 || claim.as_mut().poll(cx).is_ready() {
                return std::task::Poll::Ready(());
            }
            left -= 1;
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        drop(claim);
        // The same owner, whatever has become of it.
        let hold = granted(&store, &op, 1).await;
        assert_eq!(store.complete(hold, &seven(), op.ttl).await.expect("it answers"), Written::Yes);
    }
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'";
    assert_eq!(server.psql(open), "0");
    assert_eq!(server.psql("SELECT max(attempt) FROM resilience_record"), "1");
}

/// As after a failover, where the old primary still answers.
#[tokio::test]
async fn a_server_that_writes_no_longer_is_left() {
    need!(Postgres);
    let server = server();
    let store = store(&server.url()).await;
    granted(&store, &op("before"), 1).await;
    server.psql("ALTER SYSTEM SET default_transaction_read_only = on; SELECT pg_reload_conf()");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = store.claim(&Claim::from(&long(&op("read only"), 1))).await.expect_err("it fails closed");
    assert!(error.to_string().contains("does not allow writes"), "{error}");
    server.psql("SET default_transaction_read_only = off; ALTER SYSTEM RESET ALL; SELECT pg_reload_conf()");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let op = op("read only");
    insist(|| async { store.claim(&Claim::from(&long(&op, 1))).await }).await;
}

#[tokio::test]
async fn callers_that_are_left_alone_keep_nobody_waiting() {
    need!(Postgres);
    let server = server();
    let ledger = ledger(&format!("{}?pool_max=2", server.url())).await;
    standstill::keeps_nobody_waiting(&ledger, || {}, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn callers_that_are_left_alone_while_it_connects_keep_nobody_waiting() {
    need!(Postgres);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&format!("{}?pool_max=2", server.url_at(proxy.port()))).await;
    standstill::keeps_nobody_waiting(&ledger, || proxy.cut(), Duration::from_secs(3)).await;
}

#[tokio::test]
async fn a_ledger_that_is_dropped_leaves_no_connection() {
    need!(Postgres);
    let server = server();
    let ledger = ledger(&server.url()).await;
    assert!(matches!(ledger.claim(&long(&op("last"), 1)).await, Ok(Claimed::Granted { .. })));
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'resilience'";
    assert_ne!(server.psql(sessions), "0");
    drop(ledger);
    insist(|| async {
        if server.psql(sessions) == "0" { Ok(()) } else { Err(LedgerError::new("still there")) }
    })
    .await;
}
