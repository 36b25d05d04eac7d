//! The folder that `initdb` makes, kept in the target folder: it takes seconds to make and an instant to copy.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use crate::place::Place;

/// Who owns a server's files: its user and group.
pub(crate) type Owner = (u32, u32);

/// Puts a copy of the template into `to`. Of all the tests that start at once, one makes it.
pub(crate) fn put(name: &str, to: &Path, owner: Option<Owner>, make: impl FnOnce(&Place)) -> io::Result<()> {
    let shelf = shelf();
    fs::create_dir_all(&shelf)?;
    let template = shelf.join(name);
    if !template.exists() {
        let lock = File::create(shelf.join("lock"))?;
        lock.lock()?;
        if !template.exists() {
            let place = Place::new();
            make(&place);
            // What is there under its name is whole.
            let half = shelf.join(format!("{name}.half"));
            if half.exists() {
                fs::remove_dir_all(&half)?;
            }
            place.give("data", &half)?;
            fs::rename(&half, &template)?;
        }
    }
    copy(&template, to, owner)
}

/// In the target folder of this test, where cargo has left its tag.
fn shelf() -> PathBuf {
    let test = std::env::current_exe().unwrap_or_default();
    let target = test.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    target.map_or_else(|| std::env::temp_dir().join("resilience-servers"), |target| target.join("servers"))
}

pub(crate) fn copy(from: &Path, to: &Path, owner: Option<Owner>) -> io::Result<()> {
    // The folders of a server are its own.
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to, owner)?;
            continue;
        }
        fs::copy(entry.path(), &to)?;
        give(&to, owner)?;
    }
    give(to, owner)
}

fn give(path: &Path, owner: Option<Owner>) -> io::Result<()> {
    owner.map_or(Ok(()), |(user, group)| chown(path, Some(user), Some(group)))
}
