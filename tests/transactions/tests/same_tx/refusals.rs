//! What cannot be: a clear error, at once, and nothing is lost.

use resilience::Kind;
use resilience_servers::{Postgres, Proxy, need};
use resilience_transactions::{Body, Call, Client, Says, Sqlx, why};

use crate::{by_both, connect, effects, records, server};

by_both! {
    without_the_tables_it_says_how_to_make_them
    tables_of_another_version_are_left_alone
    a_body_that_ends_the_transaction_is_found_out
    what_a_call_says_is_two_messages
}

async fn refused<C: Client>(server: &Postgres, call: Call, kind: Kind, words: &str) {
    let mut client: C = connect(server).await;
    let called = client.call(call).await;
    let (found, said) = why(called.reply.as_ref().unwrap());
    assert_eq!(found, kind, "{said}");
    assert!(said.contains(words), "{said}");
    assert!(!said.contains(Postgres::PASSWORD));
}

async fn without_the_tables_it_says_how_to_make_them<C: Client>() {
    let server = server();
    let note = Call::of(7).first("INSERT INTO effect (order_id) VALUES (1)");
    server.psql("ALTER TABLE resilience_record RENAME TO gone");
    refused::<C>(&server, note, Kind::Store, "run `resilience::ledger::POSTGRES_SCHEMA` in a migration")
        .await;
    // The transaction goes on.
    assert_eq!((effects(&server, 7), effects(&server, 1)), (0, 1));
    server.psql("ALTER TABLE gone RENAME TO resilience_record");
    // By the search path of the transaction.
    server.psql("CREATE SCHEMA ours; ALTER TABLE resilience_record SET SCHEMA ours");
    refused::<C>(&server, note, Kind::Store, "search path").await;
    let mut client: C = connect(&server).await;
    client.call(Call::of(7).first("SET LOCAL search_path TO ours, public")).await.value();
    // Somebody else's.
    server.psql("CREATE ROLE poor; GRANT USAGE ON SCHEMA public, ours TO poor; ALTER TABLE ours.resilience_record SET SCHEMA public");
    refused::<C>(&server, Call::of(8).first("SET LOCAL ROLE poor"), Kind::Store, "this user needs").await;
}

async fn tables_of_another_version_are_left_alone<C: Client>() {
    let server = server();
    server.psql("UPDATE resilience_schema SET version = 2");
    refused::<C>(&server, Call::of(7), Kind::Store, "of version 2, and this library knows version 1").await;
    assert_eq!((effects(&server, 7), records(&server)), (0, String::new()));
}

/// What it has committed is in doubt: its effect is true, and its result is not.
async fn a_body_that_ends_the_transaction_is_found_out<C: Client>() {
    let server = server();
    let call = Call::of(7).body(Body::Commits);
    refused::<C>(&server, call, Kind::Store, "in no transaction").await;
    assert_eq!((effects(&server, 7), records(&server)), (1, "1".to_owned()));
    let mut client: C = connect(&server).await;
    assert_eq!(client.call(Call::of(7)).await.word(), "OutcomeUnknown");
    assert_eq!(effects(&server, 7), 1);
}

/// One to claim and one to complete; of a replay, one to ask and one to let go.
async fn what_a_call_says_is_two_messages<C: Client>() {
    let server = server();
    let proxy = Proxy::start(server.port());
    let mut client = C::connect(&server.url_at(proxy.port())).await;
    let mut said = async |call| {
        let before = proxy.counts().requests;
        let word = client.call(call).await.word();
        (word, proxy.counts().requests - before)
    };
    said(Call::of(1)).await;
    let fresh = said(Call::of(7)).await;
    let again = said(Call::of(7)).await;
    // BEGIN, what the caller says first, the effect, COMMIT.
    let (ok, around) = ("ok".to_owned(), 4);
    assert_eq!((fresh, again), ((ok.clone(), around + 2), (ok, around - 1 + 2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_in_no_transaction_is_refused() {
    need!(Postgres);
    let server = server();
    let mut client: Sqlx = connect(&server).await;
    let reply = resilience_transactions::charge_on(&mut client.0, 7).await;
    let (kind, said) = why(&reply);
    assert_eq!(kind, Kind::Store);
    assert!(said.contains("this connection is in no transaction: begin one"), "{said}");
    assert_eq!((effects(&server, 7), records(&server)), (0, String::new()));
    assert_eq!(client.0.say("SELECT 1".to_owned()).await.unwrap(), Some(1));
}
