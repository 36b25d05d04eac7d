//! Errors of sqlx.

use crate::{Class, Failure};

/// The connection, the pool and the conflicts of transactions are transient; a statement that is wrong stays wrong.
///
/// | error | class |
/// | --- | --- |
/// | `Io`, `Tls`, `WorkerCrashed`, `PoolTimedOut` (which has not run) | `Transient` |
/// | SQLSTATE 40001 and 40P01 (serialization failure, deadlock), and the classes 08, 53 and 57 (connection, resources, operator) | `Transient` |
/// | all others; `PoolClosed` has not run | `Permanent` |
impl Failure for sqlx::Error {
    fn class(&self) -> Class {
        match self {
            Self::Io(_) | Self::Tls(_) | Self::PoolTimedOut | Self::WorkerCrashed => Class::Transient,
            Self::Database(error) => match error.code().as_deref() {
                // Serialization failure, deadlock, and the classes 08 (connection), 53 (resources), 57 (operator).
                Some("40001" | "40P01") => Class::Transient,
                Some(code) if ["08", "53", "57"].iter().any(|class| code.starts_with(class)) => {
                    Class::Transient
                }
                _ => Class::Permanent,
            },
            _ => Class::Permanent,
        }
    }

    fn may_have_run(&self) -> bool {
        !matches!(self, Self::PoolTimedOut | Self::PoolClosed)
    }
}
