//! What becomes of a ledger on disk when something fails: the process, the power, the disk, the files.
#![cfg(unix)]
#![allow(missing_docs)]

mod child;
mod copied;
mod dropped;
mod full;
mod kill;
mod owners;
mod power;
mod refused;
mod stopped;
#[path = "../support/mod.rs"]
mod support;
mod sync;
mod work;

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

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
fn try_copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            try_copy(&from, &to)?;
        } else {
            fs::copy(&from, &to)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    try_copy(from, to).expect("it can be copied");
}

/// Everything under a path: files with a hash of their bytes, and folders.
type Snapshot = BTreeMap<PathBuf, Option<u64>>;

fn snapshot(path: &Path) -> Snapshot {
    let mut all = Snapshot::new();
    if path.is_dir() {
        all.insert(path.to_owned(), None);
        for entry in fs::read_dir(path).expect("a folder") {
            all.append(&mut snapshot(&entry.expect("an entry").path()));
        }
    } else {
        let mut hasher = DefaultHasher::new();
        fs::read(path).expect("a file").hash(&mut hasher);
        all.insert(path.to_owned(), Some(hasher.finish()));
    }
    all
}
