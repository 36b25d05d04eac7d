//! The rejection: what a policy says when it stops a call.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::context;
use crate::site::Site;

/// Why a policy stopped a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Kind {
    /// A `#[timeout]` cut the call.
    Timeout,
    /// The deadline around the call has passed, set by somebody further out.
    DeadlineExceeded,
    /// The circuit breaker is open, or has no probe to give.
    CircuitOpen,
    /// The bulkhead and its queue are full.
    BulkheadFull,
    /// The rate limit is used up.
    RateLimited,
    /// The budget for repetitions is used up.
    BudgetExhausted,
    /// Another call with the same key is still running.
    InProgress,
    /// The key came again with other values.
    KeyReused,
    /// An earlier call with this key was interrupted, and nobody knows whether it took effect.
    OutcomeUnknown,
    /// An earlier call with this key succeeded, and its result was not kept.
    ResultNotKept,
    /// The claim was lost while this call ran: somebody took it over, or it could not be renewed in time.
    LeaseLost,
    /// The transaction of the caller cannot go on beside another one: what begins it is to be run again.
    Conflict,
    /// Somebody else holds the exclusive right.
    Held,
    /// The key is empty, missing or too long.
    InvalidKey,
    /// Two functions would keep results under one name, or exclude each other, or a generic one does not say whether its types
    /// are one operation. None of their calls run.
    NameClash,
    /// The ledger, or the store of a fleet's limit, failed, or cannot read what it keeps.
    Store,
    /// A fault was injected on purpose.
    Injected,
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Timeout => "timed out",
            Self::DeadlineExceeded => "the deadline that its caller set has passed",
            Self::CircuitOpen => "the circuit breaker is open",
            Self::BulkheadFull => "the bulkhead is full: too many calls run or wait already",
            Self::RateLimited => "the rate limit is used up for now",
            Self::BudgetExhausted => "the budget for repeats is used up",
            Self::InProgress => "a call with the same key is still running",
            Self::KeyReused => "the key was used before with other values",
            Self::OutcomeUnknown => "an earlier call with this key was interrupted and may have taken effect",
            Self::ResultNotKept => "an earlier call with this key succeeded, but its result was not kept",
            Self::LeaseLost => {
                "the right to run was lost: another call took it over, or it could not be renewed in time"
            }
            Self::Conflict => "another transaction stands against this one, which is to be run again",
            Self::Held => "the exclusive right is held by another",
            Self::InvalidKey => "the key of this call cannot be used",
            Self::NameClash => "several operations have one name",
            Self::Store => "what is kept for this call could not be read or written",
            Self::Injected => "a fault was injected on purpose",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

/// A rejection: a policy stopped the call, or cut it.
///
/// It says why ([`kind`](Self::kind)), where ([`site`](Self::site)), when to come back
/// ([`retry_after`](Self::retry_after)), and above all whether the operation
/// [may have run](Self::may_have_run).
///
/// ```
/// # use resilience_runtime as resilience;
/// fn log(error: &resilience::Error) {
///     if error.kind() == resilience::Kind::CircuitOpen && !error.may_have_run() {
///         println!("{} did nothing; ask again in {:?}", error.site(), error.retry_after());
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Error {
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    /// Made by an engine: no heap, since a service under overload rejects most of its calls.
    Plain(Plain),
    /// With a source, or read back from a ledger.
    Full(Arc<Full>),
}

#[derive(Clone, Copy)]
struct Plain {
    site: &'static Site,
    /// Nanoseconds; `u64::MAX` for none.
    retry_after: u64,
    attempts: u32,
    /// An earlier attempt of a call around this one may have run.
    ran_before: bool,
    /// A timeout that the call itself has left no time.
    no_time: bool,
    kind: Kind,
}

struct Full {
    record: Record,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The form in which a ledger keeps a rejection.
#[derive(Serialize, Deserialize)]
struct Record {
    kind: Kind,
    site: String,
    retry_after: Option<Duration>,
    attempts: u32,
    #[serde(default)]
    ran_before: bool,
}

const _: () = assert!(size_of::<Error>() <= 24);

impl Error {
    /// A rejection by a policy of `site`, in the call that runs now.
    pub(crate) fn new(kind: Kind, site: &'static Site) -> Self {
        let (attempts, ran_before) = (context::attempts(), context::ran_before());
        Self {
            repr: Repr::Plain(Plain {
                site,
                retry_after: u64::MAX,
                attempts,
                ran_before,
                no_time: false,
                kind,
            }),
        }
    }

    #[must_use]
    pub(crate) fn after(mut self, wait: impl Into<Option<Duration>>) -> Self {
        if let (Repr::Plain(plain), Some(wait)) = (&mut self.repr, wait.into()) {
            plain.retry_after = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        }
        self
    }

    /// The call has left its timeout no time: nobody was asked.
    #[must_use]
    pub(crate) fn without_time(mut self) -> Self {
        if let Repr::Plain(plain) = &mut self.repr {
            plain.no_time = true;
        }
        self
    }

    /// Whether the call has left its timeout no time.
    pub(crate) fn had_no_time(&self) -> bool {
        matches!(&self.repr, Repr::Plain(plain) if plain.no_time)
    }

    /// Nothing of what it speaks of has begun, whatever runs around it.
    #[must_use]
    pub(crate) fn not_run(mut self) -> Self {
        if let Repr::Plain(plain) = &mut self.repr {
            (plain.attempts, plain.ran_before) = (0, false);
        }
        self
    }

    #[must_use]
    pub(crate) fn because(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        let full = Full { record: self.record(), source: Some(source.into()) };
        Self { repr: Repr::Full(Arc::new(full)) }
    }

    /// Why the call was stopped.
    pub fn kind(&self) -> Kind {
        match &self.repr {
            Repr::Plain(plain) => plain.kind,
            Repr::Full(full) => full.record.kind,
        }
    }

    /// The name of the annotated function whose policy stopped the call.
    pub fn site(&self) -> &str {
        match &self.repr {
            Repr::Plain(plain) => plain.site.name(),
            Repr::Full(full) => &full.record.site,
        }
    }

    /// When it makes sense to come back, where the policy knows.
    pub fn retry_after(&self) -> Option<Duration> {
        match &self.repr {
            Repr::Plain(plain) => {
                (plain.retry_after != u64::MAX).then(|| Duration::from_nanos(plain.retry_after))
            }
            Repr::Full(full) => full.record.retry_after,
        }
    }

    /// How many times the body was started in this call of the function, by all of its policies.
    pub fn attempts(&self) -> u32 {
        match &self.repr {
            Repr::Plain(plain) => plain.attempts,
            Repr::Full(full) => full.record.attempts,
        }
    }

    /// Whether the operation may have taken effect. `false` means that the body certainly did not start: in no attempt of
    /// this call, and in no earlier attempt of a call around it, or in one beside it under a `#[hedge]`. So a function that was
    /// rejected in the second attempt of a `#[retry]` further out may have run, though it has no [attempts](Self::attempts) of
    /// its own. What the attempts around did besides calling it is not known: `true` is said sooner than `false`.
    pub fn may_have_run(&self) -> bool {
        self.attempts() > 0 || self.ran_before()
    }

    fn ran_before(&self) -> bool {
        match &self.repr {
            Repr::Plain(plain) => plain.ran_before,
            Repr::Full(full) => full.record.ran_before,
        }
    }

    fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.repr {
            Repr::Plain(_) => None,
            Repr::Full(full) => full.source.as_deref().map(|source| source as _),
        }
    }

    fn record(&self) -> Record {
        Record {
            kind: self.kind(),
            site: self.site().to_owned(),
            retry_after: self.retry_after(),
            attempts: self.attempts(),
            ran_before: self.ran_before(),
        }
    }
}

/// Equal in everything but the source.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        self.kind() == other.kind()
            && self.site() == other.site()
            && self.retry_after() == other.retry_after()
            && self.attempts() == other.attempts()
            && self.ran_before() == other.ran_before()
    }
}

impl Eq for Error {}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.kind()).field("site", &self.site()).field("attempts", &self.attempts());
        if self.ran_before() {
            out.field("ran_before", &true);
        }
        if let Some(wait) = self.retry_after() {
            out.field("retry_after", &wait);
        }
        if let Some(source) = std::error::Error::source(self) {
            out.field("source", &source);
        }
        out.finish()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::NameClash if let Some(clash) = self.cause() => write!(f, "{}: {clash}", self.site())?,
            kind => write!(f, "{}: {kind}", self.site())?,
        }
        match self.attempts() {
            0 if self.ran_before() => f.write_str(" (it may have run, in an earlier attempt)"),
            0 => f.write_str(" (it did not run)"),
            1 => f.write_str(" (it may have run)"),
            many => write!(f, " (it may have run, in {many} attempts)"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // Of a clash of names all is said by the error itself.
        self.cause().filter(|_| self.kind() != Kind::NameClash)
    }
}

impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.record().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Error {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let record = Record::deserialize(deserializer)?;
        Ok(Self { repr: Repr::Full(Arc::new(Full { record, source: None })) })
    }
}

/// A function that returns `io::Result` can carry a rejection too.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            Kind::Timeout | Kind::DeadlineExceeded => std::io::ErrorKind::TimedOut,
            _ => std::io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
