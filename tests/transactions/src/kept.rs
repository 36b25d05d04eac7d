//! An error that a ledger keeps.

use resilience::Failure;

use crate::Fault;

#[derive(Debug, Clone, thiserror::Error, Failure, serde::Serialize, serde::Deserialize)]
pub(crate) enum Kept {
    #[error("declined")]
    #[failure(permanent)]
    Declined,
    #[error("{0}")]
    #[failure(transient)]
    Database(String),
    #[error(transparent)]
    #[failure(policy)]
    Policy(resilience::Error),
}

impl From<Fault> for Kept {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Declined => Self::Declined,
            Fault::Database(why) => Self::Database(why),
            Fault::Policy(error) => Self::Policy(error),
        }
    }
}

impl From<Kept> for Fault {
    fn from(kept: Kept) -> Self {
        match kept {
            Kept::Declined => Self::Declined,
            Kept::Database(why) => Self::Database(why),
            Kept::Policy(error) => Self::Policy(error),
        }
    }
}
