//! Parameters of `#[timeout]`.

use std::time::Duration;

use crate::{Facts, Text, Violation};

/// Cuts what is below it after a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// The time, from the first poll.
    pub after: Duration,
}

impl Timeout {
    pub(crate) const fn facts(&self) -> Facts {
        Facts { bounds: Some(self.after), ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.after.is_zero() {
            let text = Text::new("a timeout of zero would cut every call")
                .help("give it a time such as \"500ms\", or remove the policy");
            return Some(Violation::range(at, "after", text));
        }
        None
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        crate::time::same(self.after, other.after)
    }
}
