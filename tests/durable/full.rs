//! The disk is full.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::child::{command, passes, place};
use crate::stopped::{goes_on, until_it_stops};
use crate::support::events;
use crate::work::{self, Log, Op};
use crate::{opened, try_open};

const SIZE: usize = 2_000;

/// A file may grow no further: what a quota does, and any user may do to himself.
#[tokio::test]
async fn a_file_that_may_not_grow() {
    let place = tempfile::tempdir().expect("a folder");
    let folder = place.path().join("ledger");
    let log = Log::open(place.path(), 0, SIZE);
    let runtime = opened(try_open(&folder).await);
    for op in (0..20).map(Op::of) {
        let value = runtime.scope(work::run(op, &log)).await.expect("it runs");
        log.returned(op, work::fence(&value).expect("a value"));
    }
    drop(runtime);
    log.take_ran();
    // Opened again, the journal has its true size.
    drop(opened(try_open(&folder).await));
    let journal = fs::metadata(folder.join("records/0.jnl")).expect("a journal").len();
    let child = command("full::alone_in_small_files", place.path());
    let script = "ulimit -f $1; trap '' XFSZ; shift; exec \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", &(journal / 512 + 200).to_string()]).arg(child.get_program());
    shell.args(child.get_args()).envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
    passes(&mut shell);
    goes_on(&folder, place.path(), &log).await;
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_in_small_files() {
    events::record();
    let log = Arc::new(Log::open(&place(), 1, SIZE));
    let runtime = opened(try_open(&place().join("ledger")).await);
    let told = until_it_stops(&runtime, &log, "File too large").await;
    assert!(!told.recorded.is_empty());
}

/// A small disk, which only root may make. The test above needs nobody's permission.
#[tokio::test]
async fn a_disk_without_room() {
    let place = tempfile::tempdir().expect("a folder");
    let disk = place.path().join("disk");
    fs::create_dir(&disk).expect("it can be made");
    let Some(disk) = Disk::mount(&disk) else {
        println!("nothing can be mounted here: `a_file_that_may_not_grow` stands for it");
        return;
    };
    passes(&mut command("full::alone_on_a_small_disk", place.path()));
    // To the last byte.
    fs::write(disk.0.join("rest"), vec![0; 4 << 20]).expect_err("more than there is");
    let folder = disk.0.join("ledger");
    // What the last page of the journal has room for can still be written.
    if let Err(error) = try_open(&folder).await {
        assert!(error.to_string().contains("No space left on device"), "{error}");
    }
    disk.grow();
    goes_on(&folder, place.path(), &Log::open(place.path(), 0, SIZE)).await;
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_on_a_small_disk() {
    events::record();
    let log = Arc::new(Log::open(&place(), 1, SIZE));
    let runtime = opened(try_open(&place().join("disk/ledger")).await);
    let told = until_it_stops(&runtime, &log, "No space left on device").await;
    assert!(told.recorded.len() > 20);
}

/// A file system of two megabytes.
struct Disk<'a>(&'a Path);

impl<'a> Disk<'a> {
    fn mount(path: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }

    fn grow(&self) {
        let grown = Command::new("mount").args(["-o", "remount,size=16m"]).arg(self.0).status();
        assert!(grown.expect("it starts").success());
    }
}

impl Drop for Disk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status(); // the test has said what matters
    }
}
