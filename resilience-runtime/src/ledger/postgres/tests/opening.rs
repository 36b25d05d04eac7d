//! What happens at the start, good and bad.

use std::time::Instant;

use resilience_servers::Proxy;

use super::*;
use crate::Runtime;
use crate::ledger::POSTGRES_SCHEMA;

/// What it says. No password in it.
async fn refused(url: &str) -> String {
    let error = Runtime::open(url).await.expect_err("it is refused").to_string();
    assert!(!error.contains(Postgres::PASSWORD), "{error}");
    error
}

async fn says(url: &str, words: &[&str]) {
    let error = refused(url).await;
    for word in words {
        assert!(error.contains(word), "{error}");
    }
}

/// What of ours is in the database.
fn made(server: &Postgres) -> String {
    server.psql("SELECT count(*) FROM pg_class WHERE relname LIKE 'resilience%'")
}

fn of_bob(server: &Postgres) -> String {
    server.psql("CREATE USER bob PASSWORD 'sesame'");
    format!("postgres://bob:sesame@127.0.0.1:{}/{}", server.port(), Postgres::DATABASE)
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_hosts_start_at_once() {
    need!(Postgres);
    let server = server();
    for round in 0..8 {
        // The last rounds make the schema too.
        let schema = format!("s{round} \"x\"");
        if round < 4 {
            server.psql(&format!("CREATE SCHEMA \"{}\"", schema.replace('"', "\"\"")));
        }
        let url = format!("{}?pool_max=2&schema={}", server.url(), schema.replace(' ', "%20"));
        let mut hosts = tokio::task::JoinSet::new();
        for _ in 0..10 {
            let url = url.clone();
            hosts.spawn(async move { open(&url).await.map(drop) });
        }
        for opened in hosts.join_all().await {
            opened.expect("each of them opens");
        }
    }
    assert_eq!(server.psql("SELECT count(*) FROM pg_class WHERE relname = 'resilience_record'"), "8");
}

#[tokio::test]
async fn the_tables_are_found_in_the_search_path() {
    need!(Postgres);
    let server = server();
    server.psql("CREATE SCHEMA other");
    drop(ledger(&format!("{}?schema=other", server.url())).await);
    server.psql("ALTER ROLE resilience SET search_path = public, other");
    drop(ledger(&server.url()).await);
    assert_eq!(server.psql("SELECT count(*) FROM pg_class WHERE relname = 'resilience_record'"), "1");
}

#[tokio::test]
async fn a_schema_from_the_future_is_left_alone() {
    need!(Postgres);
    let server = server();
    drop(ledger(&server.url()).await);
    server.psql("UPDATE resilience_schema SET version = 7");
    says(&server.url(), &["version 7", "knows version 1", "update it"]).await;
    assert_eq!(server.psql("SELECT version FROM resilience_schema"), "7");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_left_alone() {
    need!(Postgres);
    let server = server();
    server.psql("CREATE TABLE resilience_record (x int)");
    says(&server.url(), &["`resilience_record`, of `resilience`", "not made by this library"]).await;
    assert_eq!(made(&server), "1");
    // All the names, and not our columns.
    server.psql(
        "CREATE TABLE resilience_schema (version int8); INSERT INTO resilience_schema VALUES (1); \
         CREATE SEQUENCE resilience_fence; CREATE TABLE resilience_quota (x int)",
    );
    says(&server.url(), &["not as this library makes them"]).await;
}

#[tokio::test]
async fn who_may_make_no_tables_makes_none_and_needs_none() {
    need!(Postgres);
    let server = server();
    let bob = of_bob(&server);
    says(&bob, &["cannot be made in the schema `public`", "permission denied", "POSTGRES_SCHEMA"]).await;
    says(&format!("{bob}?schema=new"), &["cannot be made", "permission denied", "CREATE on", "database"])
        .await;
    // It may be a part of a password that is not written as a URL wants it.
    for options in
        ["schema=s3cr3t", "schema=s3cr3t&create=never", "schema=pg_s3cr3t", "schema=pg_s3cr3t&create=never"]
    {
        for user in [&bob, &server.url()] {
            if let Err(error) = Runtime::open(&format!("{user}?{options}")).await {
                assert!(!format!("{error} {error:?}").contains("s3cr3t"), "{error}");
            }
        }
    }
    server.psql("DROP SCHEMA s3cr3t CASCADE");
    assert_eq!(made(&server), "0");
    says(&format!("{}?create=never", server.url()), &["create=never", "POSTGRES_SCHEMA"]).await;
    assert_eq!(made(&server), "0");
    server.psql(POSTGRES_SCHEMA);
    server.psql(POSTGRES_SCHEMA); // as often as you like
    says(&bob, &["belongs to `resilience`", "grant USAGE"]).await;
    server.psql(
        "GRANT SELECT ON resilience_schema TO bob; GRANT USAGE ON SEQUENCE resilience_fence TO bob; \
         GRANT SELECT, INSERT, UPDATE, DELETE ON resilience_record, resilience_quota TO bob",
    );
    ledger_conformance(&ledger(&format!("{bob}?create=never")).await).await;
}

#[tokio::test]
async fn a_server_that_cannot_serve_is_told_of_at_once() {
    need!(Postgres);
    let server = server();
    let url = server.url();
    says(
        &url.replace(Postgres::PASSWORD, "wrong"),
        &["password authentication failed", "`postgres://***`: "],
    )
    .await;
    says(&format!("{url}?dbname=nowhere"), &["database *** does not exist"]).await;
    server.psql("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'");
    says(&format!("{url}?dbname=latin"), &["encoded in LATIN1", "expected UTF8"]).await;
    server.psql("ALTER ROLE resilience SET default_transaction_read_only = on");
    says(&url, &["does not allow writes"]).await;
    server.psql(
        "SET default_transaction_read_only = off; ALTER ROLE resilience RESET default_transaction_read_only",
    );
    assert_eq!(made(&server), "0");
    let proxy = Proxy::start(server.port());
    proxy.stall(true);
    let at = Instant::now();
    says(&format!("{}?connect_timeout=300ms", server.url_at(proxy.port())), &["no connection within 300ms"])
        .await;
    server.stop();
    says(&url, &["Connection refused"]).await;
    assert!(at.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn bad_options_are_told_apart() {
    for (url, said) in [
        ("postgres://h/d?pool=3", "option 1 behind the `?` is unknown; expected one of `pool_max`, "),
        ("postgres://h/d?pool_max=0", "`pool_max`: expected a number of connections"),
        ("postgres://h/d?timeout=2sec", "`timeout`: expected a time such as `500ms` or `2s`"),
        ("postgres://h/d?timeout=1us", "10 ms to an hour"),
        ("postgres://h/d?prepare=maybe", "`prepare`: expected `on` or `off`"),
        ("postgres://h/d?create=no", "`create`: expected `on` or `never`"),
        ("postgres://h/d?sslmode=verify-ca", "expected `disable`, `prefer`, `require` or `verify-full`"),
        ("postgres://h/d?sslrootcert=x", "with `sslmode=verify-full` only"),
        ("postgres://h/d?schema=", "`schema`: expected the name of a schema"),
        ("postgres://h/d?schema=%zz", "`schema`: expected a value as in a URL"),
        ("postgres://h:x/d", "`port`: expected a value that it can have"),
        ("postgres:open-sesame=x", "expected postgres://USER:PASSWORD@HOST"),
        ("postgres://h/d?pool_max=1;password=open-sesame", "`pool_max`: expected a `&` in front of the next"),
        ("postgres://u:open-sesame?x@h/d", "a `?` in a user or a password is written `%3F`"),
        ("postgres://h/d?password=open-sesame@h&x=1", "`postgres://***`: an `@` behind the `?`"),
    ] {
        let error = refused(url).await;
        assert!(error.contains(said), "{error}");
    }
    #[cfg(not(feature = "tls"))]
    says("postgres://h/d?sslmode=require", &["without the feature `tls`"]).await;
}

/// The server would cut it, and make another one.
#[tokio::test]
async fn a_schema_has_a_name_that_the_server_keeps_whole() {
    need!(Postgres);
    let server = server();
    let named = |length: usize| {
        format!("{}?schema={}", server.url(), "é".repeat(length / 2) + &"x".repeat(length % 2))
    };
    says(&named(64), &["`schema`: expected the name of a schema, of 1 to 63 bytes"]).await;
    assert_eq!(made(&server), "0");
    drop(ledger(&named(63)).await);
    drop(ledger(&named(63)).await); // it is found again
}

#[test]
fn options_are_read() {
    let read =
        |query: &str| Options::parse(&format!("postgresql://u@one,two:7/d?{query}")).expect("a good URL");
    let options = read("");
    assert_eq!((options.pool_max, options.timeout), (8, Duration::from_secs(2)));
    assert_eq!(options.config.get_application_name(), Some("resilience"));
    assert_eq!(options.config.get_hosts().len(), 2);
    let options = read(
        "pool_max=3&timeout=1500ms&connect_timeout=7&prepare=off&schema=a%20b&create=never\
         &application_name=shop&sslmode=disable&options=-c%20x%3Dy",
    );
    assert_eq!((options.pool_max, options.timeout), (3, Duration::from_millis(1500)));
    assert_eq!(
        (options.connect_timeout, options.prepare, options.create),
        (Duration::from_secs(7), false, false)
    );
    assert_eq!(
        (options.schema.as_deref(), options.config.get_application_name()),
        (Some("a b"), Some("shop"))
    );
    assert_eq!(options.config.get_options(), Some("-c x=y"));
}
