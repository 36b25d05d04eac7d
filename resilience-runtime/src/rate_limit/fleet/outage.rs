//! A time in which the store of a limit cannot be asked.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;

use crate::backoff::Backoff;

/// How long a store that has failed is left alone.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Outage {
    backoff: Backoff,
    /// The last error.
    pub(super) why: Arc<str>,
    /// Those that were not counted.
    pub(super) calls: u64,
}

/// What is told of an outage.
pub(super) enum News {
    Began { passing: bool, why: Arc<str> },
    Ended { passed: bool, calls: u64 },
}

impl Outage {
    pub(super) fn new() -> Self {
        Self { backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE), why: "".into(), calls: 0 }
    }

    /// The store has failed, again or for the first time. How long it is left alone.
    pub(super) fn failed(&mut self, why: Arc<str>, random: &mut Rng) -> Duration {
        self.why = why;
        self.backoff.next(random)
    }
}
