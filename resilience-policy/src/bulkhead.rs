//! Parameters of `#[bulkhead]`.

use std::time::Duration;

use crate::time::same_option;
use crate::violation::same_str;
use crate::{Facts, StateOf, Text, Violation};

const MOST_CALLS: u32 = 100_000;

/// Lets in so many calls at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bulkhead {
    /// Calls at a time.
    pub max: u32,
    /// Calls that may wait for a place.
    pub queue: u32,
    /// How long one waits; unwritten: as long as the deadline around it lets it.
    pub max_wait: Option<Duration>,
    /// Whose state it has.
    pub state: StateOf,
    /// The place of the pool that runs what is below, as written.
    pub pool: &'static str,
}

impl Bulkhead {
    /// What stands where nothing is written. `max` is always written.
    pub const DEFAULT: Self = Self { max: 1, queue: 0, max_wait: None, state: StateOf::OWN, pool: "" };

    pub(crate) const fn facts(&self) -> Facts {
        Facts { waits: self.max_wait, holds: true, ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.max == 0 || self.max > MOST_CALLS {
            let text = out_of_range("max", self.max, 1).help("it counts the calls at a time: take a number in that range");
            return Some(Violation::range(at, "max", text));
        }
        if self.queue > MOST_CALLS {
            let text = out_of_range("queue", self.queue, 0).help("it counts the calls that wait: take a number in that range");
            return Some(Violation::range(at, "queue", text));
        }
        let Some(wait) = self.max_wait else { return self.state.check(at) };
        if self.queue == 0 {
            let text = Text::new("`max_wait` is for calls that wait, and none may")
                .help("say how many may wait: `queue = 64`; or leave `max_wait` out");
            return Some(Violation::range(at, "max_wait", text));
        }
        if wait.is_zero() {
            let text = Text::new("`max_wait` must be longer than zero")
                .help("give it a time such as \"100ms\"; a call that must not wait needs no `queue`");
            return Some(Violation::range(at, "max_wait", text));
        }
        self.state.check(at)
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        self.max == other.max
            && self.queue == other.queue
            && same_option(self.max_wait, other.max_wait)
            && self.state.same(&other.state)
            && same_str(self.pool, other.pool)
    }
}

const fn out_of_range(argument: &'static str, value: u32, least: u128) -> Text {
    Text::new("`").str(argument).str(" = ").num(value as u128).str("` is out of range (").num(least).str(" to ")
        .num(MOST_CALLS as u128).str(")")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(max: u32, queue: u32, max_wait: Option<u64>) -> Option<&'static str> {
        let max_wait = max_wait.map(Duration::from_millis);
        let bulkhead = Bulkhead { max, queue, max_wait, ..Bulkhead::DEFAULT };
        bulkhead.check(0).map(|found| found.argument)
    }

    #[test]
    fn ranges() {
        for (max, queue, max_wait, argument) in [
            (1, 0, None, None),
            (MOST_CALLS, MOST_CALLS, None, None),
            (1, 1, Some(1), None),
            (0, 0, None, Some("max")),
            (MOST_CALLS + 1, 0, None, Some("max")),
            (u32::MAX, u32::MAX, None, Some("max")),
            (1, MOST_CALLS + 1, None, Some("queue")),
            (1, 1, Some(0), Some("max_wait")),
            (1, 0, Some(100), Some("max_wait")),
        ] {
            assert_eq!(blamed(max, queue, max_wait), argument, "{max} {queue} {max_wait:?}");
        }
    }

    #[test]
    fn the_same_is_the_same_in_everything() {
        let one = Bulkhead { max: 2, queue: 3, max_wait: Some(Duration::from_millis(5)), ..Bulkhead::DEFAULT };
        assert!(one.same(&one));
        for other in [Bulkhead { max: 1, ..one }, Bulkhead { queue: 1, ..one }, Bulkhead { max_wait: None, ..one }, Bulkhead { pool: "P", ..one }] {
            assert!(!one.same(&other) && !other.same(&one), "{other:?}");
        }
    }
}
