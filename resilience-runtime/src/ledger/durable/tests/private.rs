//! Nobody but the owner comes to what is kept.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use super::*;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("it is ours");
}

/// Every path below this one.
fn all(path: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(all(&path));
        }
        found.push(path);
    }
    found
}

fn is_closed(folder: &Path) {
    let found = all(folder);
    assert!(found.len() > 8, "{found:?}");
    for path in found {
        let expected = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
}

#[test]
fn a_new_folder_is_the_owners_alone() {
    let place = tempfile::tempdir().expect("a folder");
    set(place.path(), 0o755);
    let folder = place.path().join("above/ledger");
    let ledger = open(&folder);
    assert_eq!(mode(&folder), 0o700);
    is_closed(&folder);
    drop(ledger);
    drop(open(&folder));
    is_closed(&folder);
}

/// The store makes files while it works: the folder around them is closed.
#[tokio::test]
async fn a_file_that_is_made_later_is_in_a_closed_folder() {
    let place = tempfile::tempdir().expect("a folder");
    let ledger = open(place.path());
    let before = all(place.path());
    let large = "x".repeat(200 << 10);
    // More than is kept in memory: the store rotates its journal and writes a table.
    for number in 0..48 {
        let op = op(&format!("large {number}"));
        let hold = ledger.granted(&op, 1);
        let body = Body::Value(large.as_str().into());
        let written = ledger.complete(hold, Stored { body, version: 1 }, LONG).await.expect("it is written");
        assert_eq!(written, Written::Yes);
    }
    let later: Vec<_> = all(place.path()).into_iter().filter(|path| !before.contains(path)).collect();
    assert!(!later.is_empty());
    for path in later {
        assert!(path.starts_with(place.path().join("records")), "{}", path.display());
    }
    assert_eq!(mode(&place.path().join("records")), 0o700);
}

/// Such as a volume, or one that a group may read for its copies.
#[test]
fn a_folder_that_is_there_keeps_its_rights_and_what_is_in_it_is_closed() {
    let place = tempfile::tempdir().expect("a folder");
    set(place.path(), 0o750);
    drop(open(place.path()));
    // As an earlier version made them.
    for path in all(place.path()) {
        set(&path, if path.is_dir() { 0o755 } else { 0o644 });
    }
    drop(open(place.path()));
    assert_eq!(mode(place.path()), 0o750);
    is_closed(place.path());
}
