//! A server that is away for a while: calls fail, soon, and go on when it is back.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::SeqCst;

use super::*;
use crate::ledger::remote::standstill;

/// What was acknowledged so long before a `kill -9`, and how much of it is there after the restart.
async fn over_a_kill(persistence: Persistence, before: Duration) -> (usize, usize) {
    let server = Server::start(persistence);
    let ledger = Arc::new(ledger(&server.url()).await);
    let mut workers = JoinSet::new();
    for worker in 0..16_u128 {
        let ledger = Arc::clone(&ledger);
        workers.spawn(async move {
            let mut acknowledged = Vec::new();
            for number in 0.. {
                let op = op(&format!("{worker} {number}"));
                let Ok(claimed) = ledger.claim(&op.request(worker + 1)).await else { break };
                let held = hold(&op, worker + 1, &Ok(claimed));
                if ledger.complete(held, seven(), TTL).await.is_err() {
                    break;
                }
                acknowledged.push((op, Instant::now()));
            }
            acknowledged
        });
    }
    tokio::time::sleep(before + Duration::from_millis(500)).await;
    let end = Instant::now();
    server.kill9();
    let acknowledged = workers.join_all().await.into_iter().flatten();
    let acknowledged: Vec<Op> =
        acknowledged.filter(|(_, at)| before.is_zero() || *at + before < end).map(|(op, _)| op).collect();
    server.start_again();
    let mut kept = 0;
    for op in &acknowledged {
        kept += usize::from(matches!(back(&ledger, op).await, Claimed::Done(_)));
    }
    (acknowledged.len(), kept)
}

/// The answer once the server is back.
async fn back(ledger: &Remote<Redis>, op: &Op) -> Claimed {
    let start = Instant::now();
    loop {
        match ledger.claim(&op.request(1_000)).await {
            Ok(answer) => return answer,
            Err(error) => assert!(start.elapsed() < Duration::from_secs(10), "{error}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_log_of_writes_no_acknowledged_result_is_lost_by_a_kill() {
    need!(Redis);
    // Every second: while the disk is slow to sync, the server does not write either, for up to two seconds.
    let cases =
        [(Persistence::AofAlways, Duration::ZERO), (Persistence::AofEverySecond, Duration::from_secs(4))];
    for (persistence, before) in cases {
        let (acknowledged, kept) = over_a_kill(persistence, before).await;
        assert!(acknowledged > 100, "{acknowledged}");
        assert_eq!(kept, acknowledged, "{persistence:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_one_all_of_them_are() {
    need!(Redis);
    let (acknowledged, kept) = over_a_kill(Persistence::None, Duration::ZERO).await;
    assert!(acknowledged > 100 && kept == 0, "{kept} of {acknowledged}");
}

#[tokio::test]
async fn while_the_server_is_down_calls_fail_at_once() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&server.url_at(proxy.port())).await;
    let op = op("down");
    server.kill9();
    let (start, before) = (Instant::now(), proxy.counts().connections);
    for _ in 0..100 {
        let error = ledger.claim(&op.request(1)).await.expect_err("it is down");
        assert!(error.to_string().starts_with("redis: "), "{error}");
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    let tried = proxy.counts().connections - before;
    assert!(tried < 20, "in growing pauses: {tried}");
    server.start_again();
    assert!(matches!(back(&ledger, &op).await, Claimed::Granted { .. }));
}

/// A way to the server on which the first connection can be cut through without a word to either end.
fn deaf_way(server: u16) -> (u16, Arc<AtomicBool>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let deaf = Arc::new(AtomicBool::new(false));
    let first = Arc::clone(&deaf);
    std::thread::spawn(move || {
        for (index, client) in listener.incoming().enumerate() {
            let client = client.expect("a connection");
            let server = TcpStream::connect(("127.0.0.1", server)).expect("it is there");
            let ways = [(client.try_clone(), server.try_clone()), (Ok(server), Ok(client))];
            for (from, to) in ways {
                let (mut from, mut to) = (from.expect("a handle"), to.expect("a handle"));
                let first = Arc::clone(&first);
                std::thread::spawn(move || {
                    let mut buffer = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut buffer) {
                        if index > 0 || !first.load(SeqCst) {
                            let _ = to.write_all(&buffer[..read]); // closed by its peer
                        }
                    }
                });
            }
        }
    });
    (port, deaf)
}

#[tokio::test]
async fn a_connection_that_nobody_listens_to_is_left() {
    need!(Redis);
    let server = server();
    let (port, deaf) = deaf_way(server.port());
    let ledger = ledger(&format!("{}?timeout=200ms", server.url_at(port))).await;
    let op = op("deaf");
    deaf.store(true, SeqCst);
    assert!(ledger.claim(&op.request(1)).await.is_err());
    assert!(matches!(ledger.claim(&op.request(1)).await, Ok(Claimed::Granted { .. })));
}

/// By SIGSTOP, by `CLIENT PAUSE`, and by a network that passes nothing on.
#[tokio::test]
async fn a_server_that_stalls_costs_a_call_its_timeout() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let url = format!("{}?timeout=300ms&connect_timeout=300ms", server.url_at(proxy.port()));
    let ledger = ledger(&url).await;
    for (index, stall) in ["stopped", "paused", "cut off"].into_iter().enumerate() {
        let op = op(stall);
        match index {
            0 => server.pause(),
            1 => drop(server.cli(&["CLIENT", "PAUSE", "1500", "ALL"])),
            _ => proxy.stall(true),
        }
        let start = Instant::now();
        for _ in 0..2 {
            assert!(ledger.claim(&op.request(1)).await.is_err(), "{stall}");
        }
        assert!(start.elapsed() < Duration::from_secs(2), "{stall}: {:?}", start.elapsed());
        match index {
            0 => server.go_on(),
            1 => {} // it does not take a word for its end either
            _ => proxy.stall(false),
        }
        // The claims that were on their way have come through meanwhile, or come now: all are of one owner.
        let start = Instant::now();
        let held = loop {
            if let Ok(claimed) = ledger.claim(&op.request(1)).await {
                break hold(&op, 1, &Ok(claimed));
            }
            assert!(start.elapsed() < Duration::from_secs(10), "{stall}");
        };
        assert_eq!(ledger.complete(held, seven(), TTL).await.expect("it answers"), Written::Yes, "{stall}");
    }
}

/// The crate's own manager of connections gives up for ever here.
#[tokio::test]
async fn a_connection_that_was_refused_once_is_tried_again() {
    need!(Redis);
    let server = Server::start_with(Persistence::AofEverySecond, &[("requirepass", "open-sesame")]);
    let ledger = ledger(&server.url()).await;
    let op = op("refused");
    // A connection of its own stays where the password is changed.
    let admin = store(&server.url()).await;
    let ask = async |command: &[&str]| {
        let (name, args) = command.split_first().expect("a command");
        admin.line.ask(redis::cmd(name).arg(args)).await.expect("it answers")
    };
    ask(&["CONFIG", "SET", "requirepass", "another"]).await;
    ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
    let mut refused = false;
    for _ in 0..20 {
        let error = ledger.claim(&op.request(1)).await.expect_err("the password is another");
        assert!(!error.to_string().contains("sesame"), "{error}");
        refused |= error.to_string().contains("uthentication");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused);
    ask(&["CONFIG", "SET", "requirepass", "open-sesame"]).await;
    assert!(matches!(back(&ledger, &op).await, Claimed::Granted { .. }));
}

#[tokio::test]
async fn a_primary_that_became_a_replica_is_left() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&server.url_at(proxy.port())).await;
    let connections = proxy.counts().connections;
    let op = op("replica");
    server.cli(&["REPLICAOF", "127.0.0.1", "1"]);
    for _ in 0..2 {
        let error = ledger.claim(&op.request(1)).await.expect_err("it takes no writes");
        assert!(error.to_string().contains("read only replica"), "{error}");
    }
    assert!(proxy.counts().connections > connections, "its name may be another's by now");
    server.cli(&["REPLICAOF", "NO", "ONE"]);
    assert!(matches!(back(&ledger, &op).await, Claimed::Granted { .. }));
}

#[tokio::test]
async fn callers_that_are_left_alone_keep_nobody_waiting() {
    need!(Redis);
    let server = server();
    let ledger = ledger(&server.url()).await;
    standstill::keeps_nobody_waiting(&ledger, || {}, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn callers_that_are_left_alone_while_it_connects_keep_nobody_waiting() {
    need!(Redis);
    let server = server();
    let proxy = Proxy::start(server.port());
    let ledger = ledger(&server.url_at(proxy.port())).await;
    standstill::keeps_nobody_waiting(&ledger, || proxy.cut(), Duration::from_secs(3)).await;
}

/// Whoever opened the ledger is gone, with its tokio runtime, or its only thread is busy.
#[test]
fn the_runtime_that_opened_the_ledger_need_not_live() {
    need!(Redis);
    let server = server();
    let new = || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (first, second) = (new(), new());
    let runtime = first.block_on(crate::Runtime::open(&server.url())).expect("it opens");
    drop(first);
    let inspect = |runtime: &crate::Runtime| {
        let operator = runtime.operator();
        let key = op("nobody's").key;
        async move { operator.inspect(key).await }
    };
    second.block_on(inspect(&runtime)).expect("it answers");
    // A thread that sleeps with a request of its own under way.
    let (tell, begun) = std::sync::mpsc::channel();
    let asleep = {
        let runtime = runtime.clone();
        std::thread::spawn(move || {
            new().block_on(async {
                let mut request = Box::pin(inspect(&runtime));
                let waker = std::task::Waker::noop();
                assert!(request.as_mut().poll(&mut std::task::Context::from_waker(waker)).is_pending());
                tell.send(()).expect("somebody waits");
                std::thread::sleep(Duration::from_secs(1));
            });
        })
    };
    begun.recv().expect("it begins");
    let start = Instant::now();
    second.block_on(inspect(&runtime)).expect("it answers");
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    asleep.join().expect("no panic");
}
