//! Why a run ends without its table.

use std::io;

#[derive(Debug)]
pub(crate) enum Stop {
    /// What was asked for cannot be: one line for the person who asked.
    Usage(String),
    Failed(io::Error),
    Interrupted,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Failed(error)
    }
}
