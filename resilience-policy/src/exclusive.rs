//! Parameters of `#[exclusive]`.

use std::time::Duration;

use crate::time::{longer, same, shorter};
use crate::violation::same_str;
use crate::{Facts, Text, Violation};

/// Below this the pauses of a network are longer than what is left of a lease when it is renewed.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_hours(24);

/// Lets one runner in the fleet run at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exclusive {
    /// What the runners exclude each other from, as written; empty: the function itself.
    pub key: &'static str,
    /// How long the right stands without renewal.
    pub lease: Duration,
    /// What a call does while another one holds the right.
    pub otherwise: Otherwise,
}

/// What a call does while another one holds the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Otherwise {
    /// It is rejected.
    Skip,
    /// It waits for its turn.
    Wait,
}

impl Default for Exclusive {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Exclusive {
    /// What stands where nothing is written.
    pub const DEFAULT: Self =
        Self { key: "", lease: Duration::from_secs(10), otherwise: Otherwise::Skip };

    pub(crate) const fn facts(&self) -> Facts {
        Facts { excludes: Some(self.lease), holds: true, ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        let text = if shorter(self.lease, SHORTEST) {
            Text::new("a `lease` of ").time(self.lease).str(" is too short to be renewed in time (at least 100ms)")
                .help("give it a time such as \"10s\": it is renewed while the body runs, so it says how long a dead runner keeps the others out")
        } else if longer(self.lease, LONGEST) {
            Text::new("`lease` cannot be longer than a day")
                .help("give it a time such as \"10s\": it is renewed while the body runs, so it says how long a dead runner keeps the others out")
        } else {
            return None;
        };
        Some(Violation::range(at, "lease", text))
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        same_str(self.key, other.key)
            && same(self.lease, other.lease)
            && self.otherwise as u8 == other.otherwise as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let of = |lease| Exclusive { lease, ..Exclusive::DEFAULT };
        for (lease, fits) in [
            (Duration::ZERO, false),
            (Duration::from_millis(99), false),
            (Duration::from_millis(100), true),
            (Duration::from_hours(24), true),
            (Duration::from_hours(25), false),
        ] {
            assert_eq!(of(lease).check(0).is_none(), fits, "{lease:?}");
        }
    }

    #[test]
    fn the_same_is_the_same_in_everything() {
        let one = Exclusive { key: "a", ..Exclusive::DEFAULT };
        assert!(one.same(&one));
        for other in [
            Exclusive::DEFAULT,
            Exclusive { lease: Duration::from_secs(1), ..one },
            Exclusive { otherwise: Otherwise::Wait, ..one },
        ] {
            assert!(!one.same(&other) && !other.same(&one), "{other:?}");
        }
    }
}
