//! [`Failure`](crate::Failure) for the error types of other crates, each behind a feature of its name.
