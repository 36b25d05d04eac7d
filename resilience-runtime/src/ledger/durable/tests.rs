use std::path::Path;

use super::*;
use crate::ledger::tests::conforms;

fn open(path: &Path) -> DurableLedger {
    DurableLedger::open(path).expect("it opens")
}

#[tokio::test]
async fn it_conforms() {
    let folder = tempfile::tempdir().expect("a folder");
    conforms(&open(folder.path())).await;
}
