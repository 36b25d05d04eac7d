//! What a ledger's folder holds.
//!
//! ```text
//! resilience.lock  whose it is
//! format           which version wrote it; written last, so a folder without it was never in use
//! records/         the store
//! ```
//!
//! All of it is for its owner alone. The store makes files whenever it likes, as the process makes files: nobody else comes
//! to them, since `records` is closed. A folder that was there before keeps the rights that somebody gave it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::lock::{Lock, Refused};
use super::private;
use crate::ledger::LedgerError;

const LOCK: &str = "resilience.lock";
const FORMAT: &str = "format";
const DRAFT: &str = "format.new";
const RECORDS: &str = "records";
/// A file that every store has. A folder that says its format and lacks this one has lost its records.
const STORE: &str = "version";

const TITLE: &str = "resilience ledger, format ";
const VERSION: u32 = 1;

/// A folder that is ours for as long as this lives.
pub(super) struct Folder {
    path: PathBuf,
    _lock: Lock,
}

/// What was found there.
pub(super) enum Contents {
    /// Nothing, or the remains of a start that was interrupted before the first use.
    New,
    Ledger,
}

impl Folder {
    /// Nothing is changed where it is refused.
    pub(super) fn claim(path: &Path) -> Result<Self, LedgerError> {
        make_folder(path).map_err(|error| match fs::metadata(path) {
            Ok(found) if !found.is_dir() => LedgerError::new(
                "it is a file, and a ledger is a folder: name a folder, new or empty".to_owned(),
            ),
            _ => LedgerError::new(format!("the folder cannot be made: {error}")),
        })?;
        contents(path)?;
        let lock = Lock::take(&path.join(LOCK)).map_err(|refused| match refused {
            Refused::By(owner) => LedgerError::new(format!(
                "{owner} has it open, and a ledger on disk has one owner: stop that process, or name another folder"
            )),
            Refused::Io(error) => LedgerError::new(format!("its lock cannot be taken: {error}")),
        })?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    /// Opens the store, or makes it where nothing is. `open` gives nothing where a store lacks what it had from its
    /// start.
    pub(super) fn store<T>(
        &self,
        open: impl FnOnce(&Path, Contents) -> Result<Option<T>, LedgerError>,
    ) -> Result<T, LedgerError> {
        let incomplete = || {
            let why = format!("its folder `{RECORDS}` is missing or incomplete: bring it back from a copy");
            LedgerError::new(why)
        };
        let records = self.path.join(RECORDS);
        let store = match contents(&self.path)? {
            Contents::Ledger if !records.join(STORE).exists() => Err(incomplete()),
            Contents::Ledger => open(&records, Contents::Ledger)?.ok_or_else(incomplete),
            Contents::New => {
                let made = self.make(&records, |path| open(path, Contents::New)?.ok_or_else(incomplete));
                made.map_err(|error| LedgerError::new(format!("it cannot be made: {error}")))
            }
        }?;
        // Also those that an earlier version, or a copy, left open.
        for part in [LOCK, FORMAT, RECORDS] {
            private::close(&self.path.join(part));
        }
        Ok(store)
    }

    fn make<T>(
        &self,
        records: &Path,
        open: impl FnOnce(&Path) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        let io = |error: io::Error| LedgerError::new(error.to_string());
        if records.exists() {
            fs::remove_dir_all(records).map_err(io)?;
        }
        private::make_folder(records).map_err(io)?;
        // With its lock, so that what a power failure leaves is known for ours.
        sync_folder(&self.path).map_err(io)?;
        let store = open(records)?;
        // Complete or not there.
        let draft = self.path.join(DRAFT);
        let mut file = private::file().truncate(true).open(&draft).map_err(io)?;
        writeln!(file, "{TITLE}{VERSION}").and_then(|()| file.sync_all()).map_err(io)?;
        fs::rename(&draft, self.path.join(FORMAT)).map_err(io)?;
        sync_folder(&self.path).map_err(io)?;
        Ok(store)
    }
}

/// Makes what is missing of a path, and sees to it that a power failure does not take it back.
fn make_folder(path: &Path) -> io::Result<()> {
    let missing = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).count();
    match (private::make_folder(path), path.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            private::make_folder(path)?;
        }
        (made, _) => made?,
    }
    for parent in path.ancestors().skip(1).take(missing) {
        sync_folder(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
    }
    Ok(())
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

fn contents(path: &Path) -> Result<Contents, LedgerError> {
    let unreadable = |error: io::Error| LedgerError::new(format!("the folder cannot be read: {error}"));
    match fs::read(path.join(FORMAT)) {
        Ok(format) => check(&String::from_utf8_lossy(&format)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let names = fs::read_dir(path).and_then(|entries| {
                entries.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()
            });
            let names = names.map_err(unreadable)?;
            // Somebody else may be making it just now.
            let ours: &[&str] =
                if names.iter().any(|name| name == LOCK) { &[LOCK, RECORDS, DRAFT, FORMAT] } else { &[] };
            match names.iter().find(|name| !ours.iter().any(|ours| *name == ours)) {
                None => Ok(Contents::New),
                Some(name) => Err(LedgerError::new(format!(
                    "it is not a ledger, it holds `{}`: name a folder, new or empty",
                    name.display()
                ))),
            }
        }
        Err(error) => Err(unreadable(error)),
    }
}

fn check(format: &str) -> Result<Contents, LedgerError> {
    let version = format.trim_end().strip_prefix(TITLE).and_then(|version| version.parse::<u32>().ok());
    match version {
        Some(VERSION) => Ok(Contents::Ledger),
        Some(version) => Err(LedgerError::new(format!(
            "it has format {version}, and this program reads format {VERSION}: open it with the version of \
             `resilience` that wrote it, or name another folder"
        ))),
        None => {
            Err(LedgerError::new(format!("it is not a ledger: its file `{FORMAT}` is of another program")))
        }
    }
}
