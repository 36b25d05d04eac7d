//! Errors of reqwest.

use crate::{Class, Failure};

/// The network and the server's own trouble are transient, 429 is throttled, what the caller did wrong is permanent.
///
/// | error | class |
/// | --- | --- |
/// | status 429 | `Throttled`; the pause is lost, unless the response was checked by `propagation::CheckStatus` |
/// | status 408, 500, 502, 503, 504 | `Transient` |
/// | any other status, of `error_for_status` | `Permanent` |
/// | of the builder (which has not run), a redirect, the decoding of a body | `Permanent` |
/// | of connecting (which has not run) | `Transient` |
/// | all others, timeouts among them | `Transient` |
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
