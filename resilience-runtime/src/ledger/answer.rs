use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::key::IdempotencyKey;

/// Why a ledger could not answer.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{why}")]
pub struct LedgerError {
    pub(crate) why: String,
    fate: Fate,
}

/// What is known of a request that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing. Sent again at once, it may be answered.
    Open,
    /// Nothing, and sent again at once it would fail again: the ledger has repeated it already, or is slow.
    #[cfg(any(test, feature = "durable", feature = "postgres", feature = "redis"))]
    Lasting,
    /// It was never sent, or was refused.
    Unsent,
}

impl LedgerError {
    /// With a sentence for the log of whoever asks why calls fail.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), fate: Fate::Open }
    }

    /// The caller must not repeat the request: the ledger has done so, or is too slow for it.
    #[cfg(any(test, feature = "durable", feature = "postgres", feature = "redis"))]
    pub(crate) fn lasting(why: impl Into<String>) -> Self {
        Self { why: why.into(), fate: Fate::Lasting }
    }

    /// The same, and the store has certainly done nothing.
    pub(crate) fn unsent(why: impl Into<String>) -> Self {
        Self { why: why.into(), fate: Fate::Unsent }
    }

    /// Whether the request is to be sent once more.
    pub(super) fn may_be_repeated(&self) -> bool {
        self.fate == Fate::Open
    }

    /// Whether the store may have done what was asked.
    pub(super) fn may_have_been_sent(&self) -> bool {
        self.fate != Fate::Unsent
    }
}

/// A claim that was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The operation.
    pub key: IdempotencyKey,
    /// Who claimed it.
    pub owner: u128,
    /// The fencing token of the grant.
    pub fence: u64,
}

/// The answer to a claim.
#[derive(Debug, Clone)]
pub enum Claimed {
    /// The caller runs it.
    Granted {
        /// Higher than that of any earlier grant of this key.
        fence: u64,
    },
    /// Somebody else runs it.
    Running {
        /// Of their claim.
        fence: u64,
        /// The rest of their lease.
        left: Duration,
    },
    /// It has run.
    Done(Stored),
    /// It was interrupted, and must not be run again.
    InDoubt,
    /// The key stands for other values.
    Mismatch,
}

/// Whether a write found its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It did, or had before.
    Yes,
    /// Somebody else has it, or an operator has decided, or it was given back.
    LeaseLost,
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The version that its site wrote. Another one is not decoded.
    pub version: u32,
    /// The result itself.
    pub body: Body,
}

/// What is kept of a result. Its `Debug` says how long it is, and not what.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// The value, as JSON.
    Value(Arc<str>),
    /// The failure, as JSON.
    Error(Arc<str>),
    /// It succeeded, and that is all that is known.
    NotKept,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(json) => write!(f, "Value({} bytes)", json.len()),
            Self::Error(json) => write!(f, "Error({} bytes)", json.len()),
            Self::NotKept => f.write_str("NotKept"),
        }
    }
}
