//! Folders that do not open. Each says why, and stays as it is.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use resilience::{Kind, Runtime};
use tempfile::TempDir;

use crate::child::{command, passes, place};
use crate::work::{self, Log, Op};
use crate::{copy, opened, snapshot, try_open, url};

/// It does not open, says so of its URL with these words, and nothing under `around` changes.
async fn refused(around: &Path, path: &Path, words: &[&str]) {
    let before = snapshot(around);
    let error = try_open(path).await.expect_err("it is no good").to_string();
    assert!(error.starts_with(&format!("`{}`: ", url(path))), "{error}");
    assert!(words.iter().all(|word| error.contains(word)), "{error}");
    assert_eq!(snapshot(around), before, "{error}");
}

/// A ledger with one result, that nobody has open.
async fn ledger() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let runtime = opened(try_open(folder.path()).await);
    let log = Log::open(elsewhere.path(), 0, 0);
    runtime.scope(work::run(Op::of(1), &log)).await.expect("it runs");
    folder
}

#[tokio::test]
async fn another_version() {
    let folder = ledger().await;
    let path = folder.path();
    fs::write(path.join("format"), "resilience ledger, format 2\n").expect("it can be written");
    refused(path, path, &["format 2", "reads format 1", "the version of `resilience` that wrote it"]).await;
}

#[tokio::test]
async fn the_folder_of_somebody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(path.join("notes.txt"), "not ours").expect("it can be written");
    refused(path, path, &["it is not a ledger", "`notes.txt`", "new or empty"]).await;
    fs::write(path.join("format"), "of something else\n").expect("it can be written");
    refused(path, path, &["it is not a ledger", "`format`", "another program"]).await;
    fs::write(path.join("format"), [0xff, 0xfe, 0]).expect("it can be written");
    refused(path, path, &["it is not a ledger", "`format`"]).await;
}

#[tokio::test]
async fn a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "not ours").expect("it can be written");
    refused(folder.path(), &file, &["it is a file, and a ledger is a folder"]).await;
    refused(folder.path(), &file.join("below"), &["the folder cannot be made", "Not a directory"]).await;
}

#[tokio::test]
async fn records_that_are_missing() {
    let folder = ledger().await;
    let path = folder.path();
    let missing = ["its folder `records` is missing or incomplete", "from a copy"];
    let journal = path.join("records/0.jnl");
    fs::rename(&journal, path.join("aside")).expect("it is there");
    let error = try_open(path).await.expect_err("the store makes another one").to_string();
    assert!(missing.iter().all(|word| error.contains(word)), "{error}");
    // Brought back, it is all there: the other one is empty.
    fs::rename(path.join("aside"), journal).expect("it is there");
    let log = Log::open(path, 0, 0);
    let runtime = opened(try_open(path).await);
    assert!(runtime.scope(work::run(Op::of(1), &log)).await.is_ok_and(|_| log.take_ran().is_empty()));
    drop(runtime);
    fs::remove_file(path.join("records/version")).expect("it is there");
    refused(path, path, &missing).await;
    fs::remove_dir_all(path.join("records")).expect("it is there");
    refused(path, path, &missing).await;
}

/// Files under a folder that hold anything.
fn files(folder: &Path) -> Vec<PathBuf> {
    let all = snapshot(folder).into_keys().filter(|path| path.is_file());
    all.filter(|path| fs::metadata(path).expect("a file").len() > 0).collect()
}

/// Garbage over a part of a file, which stays as long as it is.
fn damage(file: &Path, part: usize, rng: &mut fastrand::Rng) {
    let mut bytes = fs::read(file).expect("a file");
    let start = bytes.len().saturating_sub(512) * part / PARTS;
    let end = bytes.len().min(start + 512);
    bytes[start..end].fill_with(|| rng.u8(..));
    fs::write(file, bytes).expect("it can be written");
}

/// From the first to the last 512 bytes of a file.
const PARTS: usize = 3;

/// Whichever file is damaged: no result is false, and nothing that was done runs again, as long as it is not the
/// journal, which the store reads as far as it can.
#[tokio::test]
async fn records_that_are_damaged() {
    let around = tempfile::tempdir().expect("a folder");
    let log = Log::open(around.path(), 0, 250_000);
    let good = around.path().join("good");
    let mut done = Vec::new();
    let runtime = opened(try_open(&good).await);
    // More than the store keeps in memory.
    for op in (0..150).map(Op::of) {
        done.push((op, runtime.scope(work::run(op, &log)).await.expect("it runs")));
    }
    drop(runtime);
    opened(try_open(&good).await); // a journal of its true size
    log.take_ran();
    let files = files(&good.join("records"));
    let tables = files.iter().filter(|file| file.parent().is_some_and(|path| path.ends_with("1/tables")));
    assert!(tables.count() > 0, "the store has written no tables: {files:?}");
    let mut rng = fastrand::Rng::with_seed(7);
    let parts = files.iter().flat_map(|file| (0..=PARTS).map(move |part| (file, part)));
    // Most files are as small as one part.
    for (file, part) in
        parts.filter(|(file, part)| *part == 0 || file.metadata().is_ok_and(|is| is.len() > 4096))
    {
        let name = file.strip_prefix(&good).expect("below").display().to_string();
        let folder = around.path().join("damaged");
        copy(&good, &folder);
        damage(&folder.join(&name), part, &mut rng);
        match try_open(&folder).await {
            Err(error) => {
                let said = error.to_string();
                assert!(said.starts_with(&format!("`{}`: its ", url(&folder))), "{name}: {said}");
                println!("{name}: {}", &said[..said.len().min(200)]);
            }
            Ok(runtime) => {
                let [kept, unreadable, lost] = ask(&runtime, &log, &done).await;
                println!("{name}: opens; {kept} kept, {unreadable} unreadable, {lost} lost");
                let journal = file.extension().is_some_and(|end| end == "jnl");
                assert!(lost == 0 || journal && kept > 0, "{name}: {lost} operations ran again");
            }
        }
        fs::remove_dir_all(folder).expect("it goes away");
    }
}

/// How many of the results replay, cannot be read, or are not there any more.
async fn ask(runtime: &Runtime, log: &Log, done: &[(Op, String)]) -> [usize; 3] {
    let [mut kept, mut unreadable, mut lost] = [0; 3];
    for (op, value) in done {
        let reply = runtime.scope(work::run(*op, log)).await;
        let ran = !log.take_ran().is_empty();
        match reply {
            Ok(replayed) if !ran => {
                assert!(replayed == *value, "{op} gave another value");
                kept += 1;
            }
            Ok(_) => lost += 1,
            Err(error) => {
                assert!(error.kind() == Kind::Store && !ran, "{op}: {error:?}");
                unreadable += 1;
            }
        }
    }
    [kept, unreadable, lost]
}

/// As a user who may not write there. Root may write everywhere, and lets somebody else try.
fn without_rights(case: &str, place: &Path) {
    let root = place.metadata().expect("it is there").uid() == 0;
    let elsewhere = tempfile::tempdir().expect("a folder");
    fs::set_permissions(elsewhere.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let mut child = command(case, place);
    if root {
        let exe = elsewhere.path().join("test");
        fs::copy(child.get_program(), &exe).expect("it can be copied");
        let mut other = Command::new(exe);
        other.args(child.get_args()).uid(65534).gid(65534);
        other.envs(child.get_envs().filter_map(|(name, value)| Some((name, value?))));
        child = other;
    }
    passes(&mut child);
}

#[tokio::test]
async fn no_right_to_write() {
    let folder = ledger().await;
    let around = tempfile::tempdir().expect("a folder");
    fs::set_permissions(around.path(), Permissions::from_mode(0o755)).expect("it is ours");
    copy(folder.path(), &around.path().join("ledger"));
    fs::create_dir(around.path().join("empty")).expect("it can be made");
    // Somebody else may look, and that is all; so may we, if we are not root.
    for (path, mode) in [
        ("ledger/resilience.lock", 0o444),
        ("ledger/format", 0o444),
        ("ledger", 0o555),
        ("empty", 0o555),
        ("", 0o555),
    ] {
        fs::set_permissions(around.path().join(path), Permissions::from_mode(mode)).expect("it is ours");
    }
    let before = snapshot(around.path());
    without_rights("refused::alone_without_rights", around.path());
    assert_eq!(snapshot(around.path()), before);
    for path in ["", "empty", "ledger"] {
        fs::set_permissions(around.path().join(path), Permissions::from_mode(0o755)).expect("it is ours");
    }
}

#[tokio::test]
#[ignore = "alone in its process"]
async fn alone_without_rights() {
    for (path, why) in [
        ("ledger", "its lock cannot be taken: Permission denied"),
        ("empty", "its lock cannot be taken: Permission denied"),
        ("new", "the folder cannot be made: Permission denied"),
    ] {
        let path = place().join(path);
        let error = try_open(&path).await.expect_err("it may not").to_string();
        assert!(error.starts_with(&format!("`{}`: {why}", url(&path))), "{error}");
    }
}
