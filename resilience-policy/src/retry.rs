//! Parameters of `#[retry]`.

use std::time::Duration;

use crate::facts::{Pace, Repeats};
use crate::time::{longer, same, same_option};
use crate::violation::same_str;
use crate::{Facts, Text, Violation};

const MOST_ATTEMPTS: u32 = 1_000;

/// Runs what is below it again after a failure that may pass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// The wait before the next attempt.
    pub backoff: Backoff,
    /// How that wait varies.
    pub jitter: Jitter,
    /// No new attempt starts after this time.
    pub max_elapsed: Option<Duration>,
    /// Repeats also what a retry further inside has given up on.
    pub nested: bool,
    /// Somebody said that the operation is safe to repeat.
    pub repeatable: bool,
    /// Whether a call may be repeated, as written.
    pub only_if: &'static str,
    /// The budget of its repeats, as written.
    pub budget: &'static str,
    /// The predicate on errors, as written.
    pub when: &'static str,
    /// The predicate on values, as written.
    pub when_ok: &'static str,
}

/// The wait before an attempt, without jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Backoff {
    /// No wait.
    None,
    /// Always the same.
    Fixed(Duration),
    /// Grows by a factor up to a limit.
    Exponential {
        /// Before the second attempt.
        initial: Duration,
        /// The limit.
        max: Duration,
        /// The growth.
        factor: f64,
    },
}

/// How a wait varies, so that many callers do not return at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// Anything from nothing to the whole wait.
    Full,
    /// Anything from half of it to the whole.
    Equal,
    /// Exactly the wait.
    None,
}

impl Default for Retry {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retry {
    /// What stands where nothing is written.
    pub const DEFAULT: Self = Self {
        attempts: 3,
        backoff: Backoff::exponential(Duration::from_millis(50)),
        jitter: Jitter::Full,
        max_elapsed: None,
        nested: false,
        repeatable: false,
        only_if: "",
        budget: "",
        when: "",
        when_ok: "",
    };

    pub(crate) const fn facts(&self) -> Facts {
        Facts {
            repeats: Some(Repeats {
                attempts: self.attempts,
                declared_safe: self.repeatable || !self.only_if.is_empty(),
                pace: Pace::AfterFailure { backoff: self.backoff, jitter: self.jitter },
                within: self.max_elapsed,
            }),
            holds: true,
            watches_failure: true,
            ..Facts::NONE
        }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.attempts == 0 {
            let text = Text::new("zero attempts would never run the function")
                .help("`attempts` counts the first run too: `attempts = 1` runs once, `attempts = 3` repeats twice");
            return Some(Violation::range(at, "attempts", text));
        }
        if self.attempts > MOST_ATTEMPTS {
            let text = Text::new("").num(self.attempts as u128).str(" attempts are out of range (1 to 1000)")
                .help("a retry bridges a short failure: take a few attempts, and let the caller or a queue try again later");
            return Some(Violation::range(at, "attempts", text));
        }
        if let Some(limit) = self.max_elapsed && limit.is_zero() {
            let text = Text::new("`max_elapsed` of zero forbids every second attempt")
                .help("give it a time, or leave it out");
            return Some(Violation::range(at, "max_elapsed", text));
        }
        self.backoff.check(at)
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        self.attempts == other.attempts
            && self.backoff.same(&other.backoff)
            && self.jitter as u8 == other.jitter as u8
            && same_option(self.max_elapsed, other.max_elapsed)
            && self.nested == other.nested
            && same_str(self.only_if, other.only_if)
            && same_str(self.budget, other.budget)
            && same_str(self.when, other.when)
            && same_str(self.when_ok, other.when_ok)
    }
}

impl Backoff {
    /// Doubles from `initial` up to two seconds, or stays at an `initial` above that.
    pub const fn exponential(initial: Duration) -> Self {
        let usual = Duration::from_secs(2);
        let max = if longer(initial, usual) { initial } else { usual };
        Self::Exponential { initial, max, factor: 2.0 }
    }

    /// Grows to `max` instead.
    #[must_use]
    pub const fn up_to(self, max: Duration) -> Self {
        match self {
            Self::Exponential { initial, factor, .. } => Self::Exponential { initial, max, factor },
            other => other,
        }
    }

    /// Grows by `factor` instead.
    #[must_use]
    pub const fn by(self, factor: f64) -> Self {
        match self {
            Self::Exponential { initial, max, .. } => Self::Exponential { initial, max, factor },
            other => other,
        }
    }

    /// The wait after the attempt number `attempt` (the first is 1).
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // capped by `max`
    pub const fn after(&self, attempt: u32) -> Duration {
        match *self {
            Self::None => Duration::ZERO,
            Self::Fixed(wait) => wait,
            Self::Exponential { initial, max, factor } => {
                let limit = max.as_nanos() as f64;
                let mut nanos = initial.as_nanos() as f64;
                let mut step = 1;
                while step < attempt && nanos < limit {
                    nanos *= factor;
                    step += 1;
                }
                if nanos >= limit { max } else { Duration::from_nanos(nanos as u64) }
            }
        }
    }

    const fn check(&self, at: usize) -> Option<Violation> {
        let (shortest, max, factor) = match *self {
            Self::None => return None,
            Self::Fixed(wait) => (wait, wait, 1.0),
            Self::Exponential { initial, max, factor } => (initial, max, factor),
        };
        let text = if shortest.is_zero() {
            Text::new("a backoff that starts at zero never waits").help("write `backoff = none` if that is meant")
        } else if longer(shortest, max) {
            Text::new("the backoff starts at ").time(shortest).str(", above its own `max` of ").time(max)
                .help("raise `max`, or start lower")
        } else if !(factor >= 1.0 && factor <= 100.0) {
            Text::new("the `factor` of a backoff is out of range (1.0 to 100.0)")
                .help("below 1.0 the waits would shrink; `fixed(\"1s\")` keeps them equal")
        } else {
            return None;
        };
        Some(Violation::range(at, "backoff", text))
    }

    const fn same(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::None, Self::None) => true,
            (Self::Fixed(a), Self::Fixed(b)) => same(a, b),
            (
                Self::Exponential { initial, max, factor },
                Self::Exponential { initial: other_initial, max: other_max, factor: other_factor },
            ) => same(initial, other_initial) && same(max, other_max) && factor.to_bits() == other_factor.to_bits(),
            _ => false,
        }
    }
}

impl Jitter {
    /// The least that is left of `wait`.
    pub const fn least(self, wait: Duration) -> Duration {
        match self {
            Self::Full => Duration::ZERO,
            Self::Equal => Duration::from_nanos_u128(wait.as_nanos() / 2),
            Self::None => wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_grows_to_its_limit() {
        let backoff = Retry::DEFAULT.backoff;
        let waits: Vec<_> = (1..=8).map(|n| backoff.after(n).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 400, 800, 1600, 2000, 2000]);
        assert_eq!(backoff.after(u32::MAX).as_secs(), 2);
    }

    #[test]
    fn ranges() {
        let blamed = |retry: Retry| retry.check(0).map(|found| found.argument);
        assert_eq!(blamed(Retry::DEFAULT), None);
        assert_eq!(blamed(Retry { attempts: 0, ..Retry::DEFAULT }), Some("attempts"));
        assert_eq!(blamed(Retry { attempts: 1_001, ..Retry::DEFAULT }), Some("attempts"));
        assert_eq!(blamed(Retry { max_elapsed: Some(Duration::ZERO), ..Retry::DEFAULT }), Some("max_elapsed"));
        let second = Duration::from_secs(1);
        for backoff in [
            Backoff::Fixed(Duration::ZERO),
            Backoff::Exponential { initial: second, max: second / 2, factor: 2.0 },
            Backoff::Exponential { initial: second, max: second, factor: 0.5 },
            Backoff::Exponential { initial: second, max: second, factor: f64::NAN },
        ] {
            assert_eq!(blamed(Retry { backoff, ..Retry::DEFAULT }), Some("backoff"));
        }
    }
}
