use std::time::Duration;

use crate::retry::{Backoff, Jitter};

/// What a policy tells the rules about itself, so that no rule asks for a policy by name.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // facts that have nothing to do with each other
pub struct Facts {
    /// It cuts what is below it after this time.
    pub bounds: Option<Duration>,
    /// It does so after a time that each call computes.
    pub bounds_each: bool,
    /// It may run what is below it again.
    pub repeats: Option<Repeats>,
    /// It knows whether the operation has happened.
    pub remembers: Option<Memory>,
    /// It lets no two calls run what is below it at the same time, in the whole fleet; one that died keeps the others out
    /// for so long.
    pub excludes: Option<Duration>,
    /// It decides over a window of calls.
    pub window: Option<Window>,
    /// A call waits in it for at most this time before what is below it runs.
    pub waits: Option<Duration>,
    /// It holds something (a permit, a claim, a place in a loop) for as long as the call below takes.
    pub holds: bool,
    /// It acts on the failures of what is below it.
    pub watches_failure: bool,
    /// No failure of what is below it gets past it.
    pub hides_failure: bool,
}

impl Facts {
    pub(crate) const NONE: Self = Self {
        bounds: None,
        bounds_each: false,
        repeats: None,
        remembers: None,
        excludes: None,
        window: None,
        waits: None,
        holds: false,
        watches_failure: false,
        hides_failure: false,
    };
}

/// How a policy repeats.
#[derive(Debug, Clone, Copy)]
pub struct Repeats {
    /// Runs of what is below, the first included.
    pub attempts: u32,
    /// Somebody said that the operation is safe to repeat.
    pub declared_safe: bool,
    /// When the next one starts.
    pub pace: Pace,
    /// The time after which no other one starts.
    pub within: Option<Duration>,
}

/// When the next attempt of a repetition starts.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// After the one before has failed, and a wait.
    AfterFailure {
        /// The waits between attempts.
        backoff: Backoff,
        /// How the waits vary.
        jitter: Jitter,
    },
    /// While the one before still runs.
    WhileRunning {
        /// This long after its start, where that is known.
        after: Option<Duration>,
    },
}

impl Repeats {
    /// The least time that the waits before the attempt number `attempt` take together.
    pub const fn least_before(&self, attempt: u32) -> Duration {
        let Pace::AfterFailure { backoff, jitter } = self.pace else { return Duration::ZERO };
        let mut sum = Duration::ZERO;
        let mut done = 1;
        while done < attempt {
            sum = sum.saturating_add(jitter.least(backoff.after(done)));
            done += 1;
        }
        sum
    }

    /// The most time that all attempts take together, if each takes `each`; where that is known.
    pub const fn most_time(&self, each: Duration) -> Option<Duration> {
        match self.pace {
            Pace::WhileRunning { after: None } => None,
            Pace::WhileRunning { after: Some(after) } => {
                Some(after.saturating_mul(self.attempts.saturating_sub(1)).saturating_add(each))
            }
            Pace::AfterFailure { backoff, .. } => {
                let mut sum = each.saturating_mul(self.attempts);
                let mut done = 1;
                while done < self.attempts {
                    sum = sum.saturating_add(backoff.after(done));
                    done += 1;
                }
                Some(sum)
            }
        }
    }
}

/// What a policy remembers.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// How long a result is kept.
    pub ttl: Duration,
    /// How long a claim stands without renewal.
    pub lease: Duration,
    /// An interrupted operation is never run again.
    pub at_most_once: bool,
    /// It remembers in a transaction of the caller's.
    pub in_tx: bool,
}

/// A window of a number of calls.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    /// The calls it holds.
    pub calls: u32,
    /// The calls before the first decision, as written.
    pub min_calls: u32,
}
