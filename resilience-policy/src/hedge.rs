//! Parameters of `#[hedge]`.

use std::time::Duration;

use crate::facts::{Pace, Repeats};
use crate::time::{same, same_option};
use crate::violation::same_str;
use crate::{Facts, Text, Violation};

const MOST_EXTRAS: u32 = 10;

/// Runs what is below it once more while it is slow, and takes the first success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hedge {
    /// The delay before each further attempt.
    pub after: After,
    /// The delay while too little is observed; unwritten: [`Hedge::USUAL_INITIAL`].
    pub initial: Option<Duration>,
    /// Attempts beside the first.
    pub max: u32,
    /// Somebody said that the operation is safe to repeat.
    pub repeatable: bool,
    /// The budget of its further attempts, as written.
    pub budget: &'static str,
}

/// The time from the start of an attempt to the start of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Always the same.
    Time(Duration),
    /// What 95 of 100 successful runs of this site take.
    P95,
}

impl Hedge {
    /// What stands where nothing is written. `after` is always written.
    pub const DEFAULT: Self = Self { after: After::P95, initial: None, max: 1, repeatable: false, budget: "" };

    /// The delay before anything is observed.
    pub const USUAL_INITIAL: Duration = Duration::from_millis(100);

    pub(crate) const fn facts(&self) -> Facts {
        let after = match self.after {
            After::Time(after) => Some(after),
            After::P95 => None,
        };
        Facts {
            repeats: Some(Repeats {
                attempts: self.max.saturating_add(1),
                declared_safe: self.repeatable,
                pace: Pace::WhileRunning { after },
                within: None,
            }),
            watches_failure: true,
            ..Facts::NONE
        }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if let After::Time(after) = self.after && after.is_zero() {
            let text = Text::new("a hedge after zero would run every call twice")
                .help("give it a time that most calls stay below, such as \"50ms\", or `after = p95`");
            return Some(Violation::range(at, "after", text));
        }
        if let (After::Time(_), Some(_)) = (self.after, self.initial) {
            let text = Text::new("`initial` is the delay until a percentile is known, and this delay is written")
                .help("leave `initial` out, or write `after = p95`");
            return Some(Violation::range(at, "initial", text));
        }
        if let Some(initial) = self.initial && initial.is_zero() {
            let text = Text::new("an `initial` of zero would run the first calls twice")
                .help("give it a time that most calls stay below, such as \"100ms\"");
            return Some(Violation::range(at, "initial", text));
        }
        if self.max == 0 {
            let text = Text::new("`max = 0` would never hedge")
                .help("`max` counts the attempts beside the first: `max = 1` runs twice at most; or remove the policy");
            return Some(Violation::range(at, "max", text));
        }
        if self.max > MOST_EXTRAS {
            let text = Text::new("`max = ").num(self.max as u128).str("` is out of range (1 to 10)")
                .help("each is a whole run of the body beside the first: take one or two");
            return Some(Violation::range(at, "max", text));
        }
        None
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        let after = match (self.after, other.after) {
            (After::Time(one), After::Time(two)) => same(one, two),
            (After::P95, After::P95) => true,
            _ => false,
        };
        after
            && same_option(self.initial, other.initial)
            && self.max == other.max
            && same_str(self.budget, other.budget)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn after(ms: u64) -> Hedge {
        Hedge { after: After::Time(Duration::from_millis(ms)), ..Hedge::DEFAULT }
    }

    #[test]
    fn ranges() {
        let initial = |ms| Some(Duration::from_millis(ms));
        for (hedge, argument) in [
            (after(1), None),
            (Hedge::DEFAULT, None),
            (Hedge { initial: initial(1), ..Hedge::DEFAULT }, None),
            (Hedge { max: MOST_EXTRAS, ..after(1) }, None),
            (after(0), Some("after")),
            (Hedge { initial: initial(1), ..after(1) }, Some("initial")),
            (Hedge { initial: initial(0), ..Hedge::DEFAULT }, Some("initial")),
            (Hedge { max: 0, ..after(1) }, Some("max")),
            (Hedge { max: MOST_EXTRAS + 1, ..after(1) }, Some("max")),
            (Hedge { max: u32::MAX, ..Hedge::DEFAULT }, Some("max")),
        ] {
            assert_eq!(hedge.check(0).map(|found| found.argument), argument, "{hedge:?}");
        }
    }

    #[test]
    fn the_same_is_the_same_in_everything() {
        let one = Hedge { initial: Some(Duration::from_millis(5)), repeatable: true, budget: "B", max: 2, ..after(5) };
        assert!(one.same(&one));
        for other in [
            Hedge { after: After::P95, ..one },
            Hedge { after: after(6).after, ..one },
            Hedge { initial: None, ..one },
            Hedge { max: 1, ..one },
            Hedge { budget: "", ..one },
        ] {
            assert!(!one.same(&other) && !other.same(&one), "{other:?}");
        }
    }
}
