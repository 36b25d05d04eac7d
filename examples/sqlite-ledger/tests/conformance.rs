//! The ledger from outside, held to the suite of the library.
#![allow(missing_docs)]

use std::sync::atomic::{AtomicU32, Ordering};

use resilience::ledger::Ledger;
use resilience::testing::ledger_conformance;
use resilience::{Error, Runtime, idempotent};
use sqlite_ledger::SqliteLedger;

static RUNS: AtomicU32 = AtomicU32::new(0);

#[idempotent(key = order)]
async fn charge(order: u64) -> Result<u64, Error> {
    RUNS.fetch_add(1, Ordering::SeqCst);
    Ok(order * 100)
}

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = SqliteLedger::open(folder.path().join("ledger.sqlite")).expect("it opens");
    ledger_conformance(&ledger as &dyn Ledger).await;
}

#[tokio::test]
async fn functions_use_it_and_a_second_process_shares_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    let opened = || Runtime::builder().ledger(SqliteLedger::open(&path).expect("it opens")).build();
    let (one, two) = (opened(), opened());
    let (first, second) = tokio::join!(one.scope(charge(7)), two.scope(charge(7)));
    assert_eq!((first, second), (Ok(700), Ok(700)));
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
    drop((one, two));
    assert_eq!(opened().scope(charge(7)).await, Ok(700), "it is in the file");
    assert_eq!(RUNS.load(Ordering::SeqCst), 1);
}

#[test]
fn a_file_of_another_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ledger.sqlite");
    let other = rusqlite::Connection::open(&path).expect("it opens");
    other.execute_batch("PRAGMA user_version = 9").expect("it is set");
    drop(other);
    let error = SqliteLedger::open(&path).err().expect("it is refused");
    assert_eq!(error.to_string(), "the file is of format 9, this reads 1");
}
