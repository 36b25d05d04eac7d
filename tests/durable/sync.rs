//! The disk takes what is written, and fails to keep it.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::child::{command, passes, place};
use crate::stopped::{goes_on, until_it_stops};
use crate::support::events;
use crate::work::{self, Log, Op};
use crate::{opened, try_open};

/// Stands before the C library. While the file exists, no sync succeeds.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int sync_by(long number, int file) {
    const char *broken = getenv("BROKEN");
    if (broken && access(broken, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return syscall(number, file);
}

int fsync(int file) { return sync_by(SYS_fsync, file); }
int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
"#;

/// With the linker that every Rust on Linux has.
fn shim(place: &Path) -> std::path::PathBuf {
    let (source, library) = (place.join("shim.c"), place.join("shim.so"));
    fs::write(&source, SHIM).expect("it can be written");
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(made.expect("cc").success());
    library
}

#[tokio::test]
async fn a_sync_that_fails() {
    let place = tempfile::tempdir().expect("a folder");
    let mut child = command("sync::alone_cannot_sync", place.path());
    child.env("LD_PRELOAD", shim(place.path())).env("BROKEN", place.path().join("broken"));
    passes(&mut child);
    let log = Log::open(place.path(), 0, 0);
    goes_on(&place.path().join("ledger"), place.path(), &log).await;
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_cannot_sync() {
    events::record();
    let (folder, broken) = (place().join("ledger"), place().join("broken"));
    let log = Arc::new(Log::open(&place(), 1, 0));
    let runtime = opened(try_open(&folder).await);
    for op in (0..20).map(Op::of) {
        let value = runtime.scope(work::run(op, &log)).await.expect("it runs");
        log.returned(op, work::fence(&value).expect("a value"));
    }
    log.take_ran();
    fs::write(&broken, "").expect("it can be written");
    let told = until_it_stops(&runtime, &log, "Input/output error").await;
    assert!(told.recorded.is_empty(), "nothing is on disk for certain: {told:?}");
    // Nor does anything open.
    let error = try_open(&place().join("new")).await.expect_err("it cannot reserve fences").to_string();
    assert!(error.contains("Input/output error"), "{error}");
    fs::remove_file(broken).expect("it is there");
    // Nothing holds on to a ledger that has stopped.
    drop(runtime);
    opened(try_open(&folder).await);
    opened(try_open(&place().join("new")).await);
}
