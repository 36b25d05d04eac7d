//! Why the tool ends without what it was asked for.

use std::fmt;
use std::process::ExitCode;

use resilience::{LedgerError, OpenError};

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What was asked for cannot be: one line for the person who asked.
    Usage(String),
    Failed(String),
}

impl Stop {
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Failed(_) => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(why) | Self::Failed(why)) = self;
        f.write_str(why)
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<OpenError> for Stop {
    fn from(error: OpenError) -> Self {
        Self::Failed(error.to_string())
    }
}
