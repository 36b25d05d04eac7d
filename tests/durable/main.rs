//! What becomes of a ledger on disk when something fails: the process, the power, the disk, the files.
#![cfg(unix)]
#![allow(missing_docs)]

mod child;
mod kill;
mod power;
mod work;

use std::fs;
use std::path::Path;

use resilience::{OpenError, Runtime};

fn url(folder: &Path) -> String {
    format!("file:{}", folder.display())
}

async fn try_open(folder: &Path) -> Result<Runtime, OpenError> {
    Runtime::open(&url(folder)).await
}

#[track_caller]
fn opened(runtime: Result<Runtime, OpenError>) -> Runtime {
    runtime.unwrap_or_else(|error| panic!("it does not open: {error}"))
}

/// A copy of a folder, file by file.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("a type").is_dir() {
            copy(&from, &to);
        } else {
            fs::copy(&from, &to).expect("it can be copied");
        }
    }
}
