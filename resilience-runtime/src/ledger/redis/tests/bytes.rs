//! What lies on the server.

use proptest::prelude::*;

use super::*;

#[tokio::test]
async fn keys_and_results_come_back_as_they_went() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let large = format!("\"{}\"", "ü".repeat(128 * 1024 - 1));
    let odd = "\"\\u0000\0\r\n\"";
    let bodies = [
        Body::Value(odd.into()),
        Body::Error(odd.into()),
        Body::Value("".into()),
        Body::Value(large.into()),
        Body::NotKept,
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let text = format!("a\0b\r\nc*?[x]\\%/ü\u{1F980} {index}");
        let op = Op { fingerprint: Some([255; 32]), ..op(&text) };
        let held = granted(&store, &op, u128::MAX - 1).await;
        let result = Stored { version: u32::MAX, body };
        assert_eq!(store.complete(held, &result, TTL).await.expect("it answers"), Written::Yes);
        let entry = store.inspect(op.key).await.expect("it answers").expect("a record");
        assert_eq!((&entry.text, entry.fence), (&text, held.fence));
        let found = store.find(&text, 10).await.expect("it answers");
        assert_eq!(found.iter().map(|entry| &entry.result).collect::<Vec<_>>(), [&entry.result]);
        let Ok(Claimed::Done(stored)) = store.claim(&Claim::from(&op.request(1))).await else {
            panic!("not done")
        };
        assert_eq!(stored, result);
        let seen = store.look(op.key, held.fence).await;
        assert!(matches!(seen, Ok(Seen::Ended(Some(seen))) if seen == result));
    }
}

/// Milliseconds; `-1` is for ever.
fn left(server: &Server, op: &Op) -> i64 {
    server.cli(&["PTTL", &name(op)]).parse().expect("a number")
}

#[tokio::test]
async fn a_record_outlives_its_lease_and_a_doubt_waits_for_ever() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let ttl = i64::try_from(TTL.as_millis()).expect("it fits");
    for at_most_once in [false, true] {
        let op = Op { at_most_once, ..op(&format!("kept {at_most_once}")) };
        let or_ever = |ms: i64| if at_most_once { -1..=-1 } else { ms - 10_000..=ms };
        let held = granted(&store, &op, 1).await;
        assert!(or_ever(ttl + 800).contains(&left(&server, &op)), "running");
        store.renew(held, TTL).await.expect("it answers");
        assert!(or_ever(2 * ttl).contains(&left(&server, &op)), "renewed");
        store.part(&[Farewell::Abandon { hold: held, may_have_run: true }]).await.expect("it answers");
        assert!(or_ever(ttl).contains(&left(&server, &op)), "in doubt");
        assert!(store.resolve(op.key, held.fence, seven().body).await.expect("it answers"));
        assert!((ttl - 10_000..=ttl).contains(&left(&server, &op)), "resolved");
        assert!(store.forget(op.key, held.fence).await.expect("it answers"));
        assert!((ttl - 10_000..=ttl).contains(&left(&server, &op)), "forgotten");
        let held = granted(&store, &op, 2).await;
        store.complete(held, &seven(), Duration::from_secs(100)).await.expect("it answers");
        assert!((90_000..=100_000).contains(&left(&server, &op)), "done");
    }
    let op = Op { ttl: Duration::MAX, ..op("long") };
    let held = granted(&store, &op, 1).await;
    store.complete(held, &seven(), Duration::MAX).await.expect("it answers");
    assert!(left(&server, &op) > ttl);
}

/// Somebody else's keys, damaged ones, and those of another format: each operation says so, and leaves them alone.
#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    let op = op("foreign");
    let held = granted(&store, &op, 1).await;
    let place = name(&op);
    let makes: [&[&str]; 6] = [
        &["SET", &place, ""],
        &["SET", &place, "hello"],
        &["HSET", &place, "a", "b"],
        &["SETRANGE", &place, "3", "2"],
        &["SETRANGE", &place, "4", "q"],
        &["SETRANGE", &place, "97", "zz"],
    ];
    for make in makes {
        server.cli(&["DEL", &place]);
        granted(&store, &op, 1).await;
        if make[0] != "SETRANGE" {
            server.cli(&["DEL", &place]);
        }
        server.cli(make);
        let value = |server: &Server| {
            let get: &[&str] = if make[0] == "HSET" { &["HGETALL", &place] } else { &["STRLEN", &place] };
            (server.cli(get), server.cli(&["TYPE", &place]))
        };
        let before = value(&server);
        let mut errors = Vec::new();
        errors.extend(store.claim(&Claim::from(&op.request(2))).await.err());
        errors.extend(store.complete(held, &seven(), TTL).await.err());
        errors.extend(store.renew(held, TTL).await.err());
        errors.extend(store.release(held).await.err());
        errors.extend(store.look(op.key, 1).await.err());
        errors.extend(store.inspect(op.key).await.err());
        errors.extend(store.forget(op.key, held.fence).await.err());
        errors.extend(store.resolve(op.key, held.fence, Body::NotKept).await.err());
        assert_eq!(errors.len(), 8, "{make:?}");
        // It has heard, and that is all that can be done: what is behind it in the queue goes on.
        let farewell = Farewell::Withdraw { key: op.key, owner: 1 };
        store.part(&[farewell]).await.expect("the server answers");
        for error in errors {
            let error = error.to_string();
            assert!(error.contains(&place) && error.contains("left as it is"), "{make:?}: {error}");
        }
        assert_eq!(value(&server), before, "{make:?}");
    }
}

#[tokio::test]
async fn a_walk_passes_by_what_is_not_ours() {
    need!(Redis);
    let server = server();
    let store = store(&format!("{}?prefix=a*[b]:", server.url())).await;
    let op = op("walk");
    let held = granted(&store, &op, 1).await;
    store.part(&[Farewell::Abandon { hold: held, may_have_run: true }]).await.expect("it answers");
    server.cli(&["HSET", &format!("a*[b]:{}", "e".repeat(64)), "a", "b"]);
    server.cli(&["SET", &format!("a*[b]:{}", "f".repeat(64)), "hello"]);
    server.cli(&["SET", "a*[b]:limit:x", "hello"]);
    server.cli(&["SET", &format!("axb:{}", op.key), "hello"]);
    let doubts = store.in_doubt(10).await.expect("it answers");
    assert_eq!(doubts.iter().map(|entry| entry.key).collect::<Vec<_>>(), [op.key]);
    assert_eq!(doubts[0].state, EntryState::InDoubt);
}

#[tokio::test]
async fn a_walk_comes_by_every_record() {
    need!(Redis);
    let server = server();
    let store = store(&server.url()).await;
    for number in 0..3_000_u128 {
        let op = op(&number.to_string());
        let held = granted(&store, &op, 1).await;
        if number % 3 == 0 {
            store.part(&[Farewell::Abandon { hold: held, may_have_run: true }]).await.expect("it answers");
        }
    }
    let doubts = store.in_doubt(10_000).await.expect("it answers");
    // Those that still ran when they were looked at may have lapsed by now.
    let abandoned =
        doubts.iter().filter(|entry| entry.text.parse::<u32>().expect("a number") % 3 == 0).count();
    assert_eq!(abandoned, 1_000);
    assert!(doubts.is_sorted_by(|one, two| one.age >= two.age));
}

proptest! {
    /// Whatever the bytes, they are read or refused.
    #[test]
    fn any_bytes_are_read_or_refused(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..300),
        state in proptest::sample::select(b"rdlfven?".to_vec()),
        dress in any::<bool>(),
    ) {
        if dress && bytes.len() > 6 {
            bytes[..4].copy_from_slice(b"RSL1");
            bytes[4] = state;
            bytes[6] %= 2;
        }
        let key = op("bytes").key;
        let _ = row::record(key, &bytes, 1_700_000_000_000_000);
        let _ = row::without_result(key, &bytes, 1_700_000_000_000_000);
    }

    /// What a claim sends, put together as the scripts do it, is what operators see.
    #[test]
    fn a_record_is_read_as_it_was_written(
        text in "\\PC{0,3000}",
        fingerprint in any::<Option<[u8; 32]>>(),
        at_most_once: bool,
        owner: u128,
        attempt: u32,
        fence in 0..(1_u64 << 53),
        json in "\\PC{0,100}",
    ) {
        let op = Op { at_most_once, fingerprint, ..op("row").written(text.clone()) };
        let request = Claim::from(&op.request(owner));
        let mut bytes = row::head(&request);
        for number in [fence, 5, 7] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(attempt.to_be_bytes());
        bytes.extend(row::tail(&request));
        prop_assert!(bytes.len() <= row::WITHOUT_RESULT);
        let short = row::without_result(op.key, &bytes, 10).expect("readable").expect("ours");
        prop_assert_eq!(short.fence, fence);
        bytes[4] = b'v';
        bytes.extend(json.as_bytes());
        let record = row::record(op.key, &bytes, 10).expect("readable");
        prop_assert_eq!((record.fence, record.attempt, record.owner), (fence, attempt, owner));
        prop_assert_eq!((record.fingerprint, record.at_most_once), (fingerprint, at_most_once));
        prop_assert!(text.starts_with(&record.text) && (record.text.len() == text.len() || record.text.len() > 2040));
        let entry = record.entry(Tick::now());
        prop_assert_eq!(entry.result, Some(json));
    }
}
