//! Files and folders that are for their owner alone: results are anybody's data.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// Makes a folder in one that is there. One that is there already is left as it is.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        made => made,
    }
}

/// How a file is made.
pub(super) fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Takes from others what they may do with a file, or with a folder and all in it. Where that is not to be had (the owner
/// is another user, the file system knows no rights) the ledger works as before.
#[cfg(unix)]
pub(super) fn close(path: &Path) {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    let Ok(found) = fs::symlink_metadata(path) else { return };
    let mode = found.permissions().mode();
    if !found.is_symlink() && mode & 0o077 != 0 {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700));
    }
    if found.is_dir() {
        // The folder first: in the meantime nobody else comes to what is in it.
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            close(&entry.path());
        }
    }
}

#[cfg(not(unix))]
pub(super) fn close(_: &Path) {}
