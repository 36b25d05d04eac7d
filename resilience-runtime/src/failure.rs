//! What an error means to the policies.

pub(crate) mod known;

use std::time::Duration;

use crate::{Error, Kind};

/// What kind of failure an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// It may pass: retried, and recorded by a circuit breaker.
    Transient,
    /// It will be the same next time: neither retried nor recorded.
    Permanent,
    /// The callee asks for a pause: retried after at least [`Failure::retry_after`], and not recorded.
    Throttled,
    /// A policy further inside stopped the call: neither retried nor recorded, unless it was a timeout.
    Rejected,
}

/// What the user's own error means. `#[derive(Failure)]` writes it for an enum.
///
/// ```
/// # use resilience_runtime as resilience;
/// use resilience::{Class, Failure};
///
/// struct Busy;
///
/// impl Failure for Busy {
///     fn class(&self) -> Class {
///         Class::Transient
///     }
/// }
/// assert!(Busy.may_have_run());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what its failures mean",
    label = "this error type needs `Failure`",
    note = "derive it: `#[derive(resilience::Failure)]`, with `#[failure(transient)]` or `#[failure(permanent)]` on each variant",
    note = "or say it at the policy: `when = |error| ...`, true for an error that may pass",
    note = "or implement `resilience::Failure` by hand",
    note = "the errors of anyhow 1, reqwest 0.13, sqlx 0.9 and tonic 0.14 have it by the feature of that name; those of other versions are other types"
)]
pub trait Failure {
    /// What kind of failure this is.
    fn class(&self) -> Class;

    /// The pause that the callee asks for.
    fn retry_after(&self) -> Option<Duration> {
        None
    }

    /// Whether the operation may have taken effect. `false` only if it certainly did not.
    fn may_have_run(&self) -> bool {
        true
    }

    /// The rejection of a policy further inside, if that is what this error carries.
    fn rejection(&self) -> Option<&Error> {
        None
    }
}

impl Failure for Error {
    fn class(&self) -> Class {
        Class::Rejected
    }

    fn retry_after(&self) -> Option<Duration> {
        Self::retry_after(self)
    }

    fn may_have_run(&self) -> bool {
        Self::may_have_run(self)
    }

    fn rejection(&self) -> Option<&Error> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl<F: Failure + ?Sized> Failure for Box<F> {
    fn class(&self) -> Class {
        (**self).class()
    }

    fn retry_after(&self) -> Option<Duration> {
        (**self).retry_after()
    }

    fn may_have_run(&self) -> bool {
        (**self).may_have_run()
    }

    fn rejection(&self) -> Option<&Error> {
        (**self).rejection()
    }
}

/// What the caller did wrong is permanent; all else may pass, also what has no kind, such as a name that was not found.
///
/// | kind | class |
/// | --- | --- |
/// | `NotFound`, `PermissionDenied`, `AlreadyExists`, `AddrInUse`, `InvalidInput`, `InvalidData`, `InvalidFilename`, `NotADirectory`, `IsADirectory`, `DirectoryNotEmpty`, `ReadOnlyFilesystem`, `NotSeekable`, `FileTooLarge`, `CrossesDevices`, `TooManyLinks`, `ArgumentListTooLong`, `WriteZero`, `Unsupported` | `Permanent` |
/// | one that carries a rejection | `Rejected` |
/// | all others; `ConnectionRefused` has not run | `Transient` |
impl Failure for std::io::Error {
    fn class(&self) -> Class {
        use std::io::ErrorKind as Io;
        if self.rejection().is_some() {
            return Class::Rejected;
        }
        match self.kind() {
            Io::NotFound
            | Io::PermissionDenied
            | Io::AlreadyExists
            | Io::AddrInUse
            | Io::InvalidInput
            | Io::InvalidData
            | Io::InvalidFilename
            | Io::NotADirectory
            | Io::IsADirectory
            | Io::DirectoryNotEmpty
            | Io::ReadOnlyFilesystem
            | Io::NotSeekable
            | Io::FileTooLarge
            | Io::CrossesDevices
            | Io::TooManyLinks
            | Io::ArgumentListTooLong
            | Io::WriteZero
            | Io::Unsupported => Class::Permanent,
            _ => Class::Transient,
        }
    }

    fn may_have_run(&self) -> bool {
        match self.rejection() {
            Some(error) => error.may_have_run(),
            None => self.kind() != std::io::ErrorKind::ConnectionRefused,
        }
    }

    fn rejection(&self) -> Option<&Error> {
        self.get_ref()?.downcast_ref()
    }
}

/// How a failure counts, for every policy that looks at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The call succeeded.
    Success,
    /// It failed, and that may pass.
    Transient,
    /// The callee asked for a pause.
    Throttled(Option<Duration>),
    /// It failed, and repeating would change nothing. The callee is there: it has answered.
    Permanent,
    /// It says nothing about the callee, and repeating would change nothing.
    Neutral,
}

impl Verdict {
    /// In events: the class of the failure, where it has one.
    pub(crate) const fn class_name(self) -> Option<&'static str> {
        match self {
            Self::Transient => Some("Transient"),
            Self::Throttled(_) => Some("Throttled"),
            Self::Permanent => Some("Permanent"),
            Self::Success | Self::Neutral => None,
        }
    }

    /// A timeout further inside is a failure of the attempt; every other rejection is somebody's decision.
    pub(crate) fn on_rejection(error: &Error) -> Self {
        match error.kind() {
            Kind::Timeout if error.had_no_time() => Self::Neutral,
            Kind::Timeout | Kind::Conflict => Self::Transient,
            _ => Self::Neutral,
        }
    }

    pub(crate) fn on_failure<E: Failure>(error: &E) -> Self {
        if let Some(rejection) = error.rejection() {
            return Self::on_rejection(rejection);
        }
        match error.class() {
            Class::Transient => Self::Transient,
            Class::Throttled => Self::Throttled(error.retry_after()),
            // The callee was not asked.
            Class::Permanent if !error.may_have_run() => Self::Neutral,
            Class::Permanent => Self::Permanent,
            Class::Rejected => Self::Neutral,
        }
    }
}
