//! Parameters of `#[idempotent]`.

use std::time::Duration;

use crate::facts::Memory;
use crate::time::{same, same_option};
use crate::violation::same_str;
use crate::{Facts, Text, Violation};

/// Remembers the result of an operation by its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idempotent {
    /// The key, as written.
    pub key: &'static str,
    /// The scope, as written; `_` where all types of a generic function are one operation, empty for none.
    pub scope: &'static str,
    /// A call without a key runs once, unprotected.
    pub optional: bool,
    /// The transaction that the result is written in, as written; empty for none. A claim in a transaction lasts as long
    /// as it does: lease, guarantee and wait mean nothing there.
    pub tx: &'static str,
    /// How long a result is kept.
    pub ttl: Duration,
    /// How long a claim stands without renewal.
    pub lease: Duration,
    /// What becomes of an interrupted operation.
    pub guarantee: Guarantee,
    /// How long a duplicate waits for a running call; `None` rejects it.
    pub wait: Option<Duration>,
    /// A permanent failure is a result too.
    pub store_errors: bool,
    /// The version of the stored result.
    pub version: u32,
}

/// What becomes of an operation that was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// It is run again, with a higher fence.
    Dedup,
    /// It is reported until somebody resolves it.
    AtMostOnce,
}

impl Default for Idempotent {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Idempotent {
    /// What stands where nothing is written.
    pub const DEFAULT: Self = Self {
        key: "",
        scope: "",
        optional: false,
        tx: "",
        ttl: Duration::from_hours(24),
        lease: Duration::from_mins(1),
        guarantee: Guarantee::Dedup,
        wait: Some(Duration::from_secs(10)),
        store_errors: false,
        version: 1,
    };

    pub(crate) const fn facts(&self) -> Facts {
        let at_most_once = matches!(self.guarantee, Guarantee::AtMostOnce);
        let in_tx = !self.tx.is_empty();
        let lease = if in_tx { Duration::ZERO } else { self.lease };
        let memory = Memory { ttl: self.ttl, lease, at_most_once, in_tx };
        Facts { remembers: Some(memory), holds: true, watches_failure: true, ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.ttl.is_zero() {
            let text = Text::new("a `ttl` of zero remembers nothing").help("keep results for as long as a caller may ask again, such as \"24h\"");
            return Some(Violation::range(at, "ttl", text));
        }
        if self.lease.is_zero() {
            let text = Text::new("a `lease` of zero lapses before the body runs").help("give it a time such as \"60s\"; it is renewed while the body runs");
            return Some(Violation::range(at, "lease", text));
        }
        if let Some(wait) = self.wait && wait.is_zero() {
            let text = Text::new("a `wait` of zero never waits").help("write `reject` if a duplicate of a running call should not wait");
            return Some(Violation::range(at, "wait", text));
        }
        None
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        same_str(self.key, other.key)
            && same_str(self.scope, other.scope)
            && self.optional == other.optional
            && same_str(self.tx, other.tx)
            && same(self.ttl, other.ttl)
            && same(self.lease, other.lease)
            && self.guarantee as u8 == other.guarantee as u8
            && same_option(self.wait, other.wait)
            && self.store_errors == other.store_errors
            && self.version == other.version
    }
}
