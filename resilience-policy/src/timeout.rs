//! Parameters of `#[timeout]`.

use std::time::Duration;

use crate::violation::same_str;
use crate::{Facts, Text, Violation};

/// Cuts what is below it after a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeout {
    /// The time, from the first poll; zero where each call has its own.
    pub after: Duration,
    /// What a call computes its time by, as written.
    pub dynamic: &'static str,
}

impl Timeout {
    /// What stands where nothing is written, though a time must be.
    pub const DEFAULT: Self = Self { after: Duration::ZERO, dynamic: "" };

    const fn is_dynamic(&self) -> bool {
        !self.dynamic.is_empty()
    }

    pub(crate) const fn facts(&self) -> Facts {
        let bounds = if self.is_dynamic() { None } else { Some(self.after) };
        Facts { bounds, bounds_each: self.is_dynamic(), ..Facts::NONE }
    }

    pub(crate) const fn check(&self, at: usize) -> Option<Violation> {
        if self.after.is_zero() && !self.is_dynamic() {
            let text = Text::new("a timeout of zero would cut every call")
                .help("give it a time such as \"500ms\", or remove the policy");
            return Some(Violation::range(at, "after", text));
        }
        None
    }

    pub(crate) const fn same(&self, other: &Self) -> bool {
        crate::time::same(self.after, other.after) && same_str(self.dynamic, other.dynamic)
    }
}
