//! Errors of anyhow, which keep a chain of others.

use std::time::Duration;

use crate::failure::known::known;
use crate::{Class, Error, Failure};

fn first(error: &anyhow::Error) -> Option<&dyn Failure> {
    error.chain().find_map(known)
}

/// The first error of the chain whose type says what it means decides; where none does, it may pass.
///
/// | in the chain | class |
/// | --- | --- |
/// | a rejection ([`Error`](crate::Error)) | `Rejected` |
/// | [`std::io::Error`]; those of `reqwest`, `sqlx` and `tonic`, behind their features | as on their impls |
/// | an enum that derives [`Failure`](crate::Failure), without type parameters | what its variant says |
/// | none of these | `Transient` |
impl Failure for anyhow::Error {
    fn class(&self) -> Class {
        first(self).map_or(Class::Transient, Failure::class)
    }

    fn retry_after(&self) -> Option<Duration> {
        first(self).and_then(Failure::retry_after)
    }

    fn may_have_run(&self) -> bool {
        // One step of a body that has not run says nothing of the others. A rejection speaks for itself.
        self.rejection().is_none_or(Error::may_have_run)
    }

    fn rejection(&self) -> Option<&Error> {
        first(self).and_then(Failure::rejection)
    }
}
