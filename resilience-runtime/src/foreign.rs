//! [`Failure`](crate::Failure) for the error types of other crates, each behind a feature of its name.

/// What carries another error in its chain means what that one means; anything else may pass.
#[cfg(feature = "anyhow")]
mod anyhow {
    use std::time::Duration;

    use crate::{Class, Error, Failure};

    impl Failure for anyhow::Error {
        fn class(&self) -> Class {
            match (self.rejection(), self.downcast_ref::<std::io::Error>()) {
                (Some(_), _) => Class::Rejected,
                (None, Some(error)) => error.class(),
                (None, None) => Class::Transient,
            }
        }

        fn retry_after(&self) -> Option<Duration> {
            self.rejection().and_then(Error::retry_after)
        }

        fn may_have_run(&self) -> bool {
            match (self.rejection(), self.downcast_ref::<std::io::Error>()) {
                (Some(error), _) => error.may_have_run(),
                (None, Some(error)) => error.may_have_run(),
                (None, None) => true,
            }
        }

        fn rejection(&self) -> Option<&Error> {
            self.chain().find_map(|error| error.downcast_ref())
        }
    }
}

/// The network and the server's own trouble are transient, 429 is throttled, what the caller did wrong is permanent.
#[cfg(feature = "reqwest")]
mod reqwest {
    use crate::{Class, Failure};

    impl Failure for reqwest::Error {
        fn class(&self) -> Class {
            match self.status().map(|status| status.as_u16()) {
                Some(429) => Class::Throttled,
                Some(408 | 500 | 502..=504) => Class::Transient,
                Some(_) => Class::Permanent,
                None if self.is_builder() || self.is_redirect() || self.is_decode() => Class::Permanent,
                None => Class::Transient,
            }
        }

        fn may_have_run(&self) -> bool {
            !(self.is_connect() || self.is_builder())
        }
    }
}

/// By the code, as the gRPC guide to retries reads them.
#[cfg(feature = "tonic")]
mod tonic {
    use crate::{Class, Failure};

    impl Failure for tonic::Status {
        fn class(&self) -> Class {
            use tonic::Code;
            match self.code() {
                Code::Unavailable
                | Code::DeadlineExceeded
                | Code::Aborted
                | Code::Internal
                | Code::Unknown => Class::Transient,
                Code::ResourceExhausted => Class::Throttled,
                _ => Class::Permanent,
            }
        }
    }
}

/// The connection, the pool and the conflicts of transactions are transient; a statement that is wrong stays wrong.
#[cfg(feature = "sqlx")]
mod sqlx {
    use crate::{Class, Failure};

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
}
