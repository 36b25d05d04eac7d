//! Parameters of `#[fallback]`.

use crate::violation::same_str;
use crate::{Facts, Violation};

/// Answers an error instead of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fallback {
    /// The function that answers, as written.
    pub answer: &'static str,
    /// The predicate on errors, as written; without one it answers all.
    pub when: &'static str,
}

impl Fallback {
    /// What stands where nothing is written. `answer` is always written.
    pub const DEFAULT: Self = Self { answer: "", when: "" };

    pub(crate) const fn facts(&self) -> Facts {
        Facts { hides_failure: self.when.is_empty(), ..Facts::NONE }
    }

    /// It has no numbers.
    #[allow(clippy::unused_self)] // every policy is asked in this way
    pub(crate) const fn check(&self, _at: usize) -> Option<Violation> {
        None
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        same_str(self.answer, other.answer) && same_str(self.when, other.when)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_without_when_it_hides_every_failure() {
        let all = Fallback { answer: "stale", when: "" };
        assert!(all.facts().hides_failure);
        assert!(!Fallback { when: "is_down", ..all }.facts().hides_failure);
    }

    #[test]
    fn the_same_is_the_same_in_everything() {
        let one = Fallback { answer: "stale", when: "is_down" };
        assert!(one.same(&one));
        for other in [Fallback { answer: "fresh", ..one }, Fallback { when: "", ..one }] {
            assert!(!one.same(&other) && !other.same(&one), "{other:?}");
        }
    }
}
