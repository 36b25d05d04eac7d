//! A folder has one owner at a time, and says who it is.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::Duration;

use super::private;

/// A process that was just killed gives its lock back when the system has cleared it away.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(50);

/// Held for as long as this lives; the system gives it back when the process ends, however that happens.
pub(super) struct Lock {
    _file: File,
}

pub(super) enum Refused {
    /// Somebody holds it.
    By(String),
    Io(io::Error),
}

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Self, Refused> {
        let mut file = private::file().read(true).truncate(false).open(path).map_err(Refused::Io)?;
        for attempt in 1.. {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if attempt == TRIES => {
                    return Err(Refused::By(owner(&mut file)));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => return Err(Refused::Io(error)),
            }
        }
        sign(&mut file).map_err(Refused::Io)?;
        Ok(Self { _file: file })
    }
}

fn sign(file: &mut File) -> io::Result<()> {
    let program = std::env::current_exe().ok();
    let program = program.as_deref().and_then(Path::file_name).unwrap_or_default().display().to_string();
    file.set_len(0)?;
    writeln!(file, "{} ({program})", std::process::id())
}

fn owner(file: &mut File) -> String {
    let mut name = String::new();
    match file.read_to_string(&mut name) {
        Ok(_) if !name.trim().is_empty() => format!("process {}", name.trim()),
        _ => "another process".to_owned(),
    }
}
