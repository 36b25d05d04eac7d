//! One file per rule: its page, and the check.

use crate::{Policy, Violation};

/// Declares a file per rule and the enum over them.
macro_rules! rules {
    ($($variant:ident = $module:ident,)*) => {
        $(mod $module;)*

        /// A rule that a stack can break.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Rule {
            $(#[doc = concat!("The rule `", stringify!($module), "`.")] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of judgement.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name that `allow` takes.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($module),)* }
            }

            /// The text of its page.
            pub const fn page(self) -> &'static str {
                match self { $(Self::$variant => $module::PAGE,)* }
            }

            /// Whether it is an opinion, judged only where the feature `strict` asks for it.
            pub const fn strict(self) -> bool {
                match self { $(Self::$variant => $module::STRICT,)* }
            }

            /// The first place in `stack` (outermost first) that breaks it.
            pub const fn check(self, stack: &[Policy]) -> Option<Violation> {
                match self { $(Self::$variant => $module::check(stack),)* }
            }
        }
    };
}

rules! {
    RetryUnsafe = retry_unsafe,
    RetryInTx = retry_in_tx,
    UnreachableAttempt = unreachable_attempt,
    DeadTimeout = dead_timeout,
    LateHedge = late_hedge,
    HeldHedge = held_hedge,
    EndlessWait = endless_wait,
    BlindBreaker = blind_breaker,
    HiddenFailure = hidden_failure,
    ShortMemory = short_memory,
    Twice = twice,
    NoTimeout = no_timeout,
    EagerRetry = eager_retry,
}

impl Rule {
    /// The rule of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|rule| rule.name() == name)
    }

    const fn is_in(self, rules: &[Self]) -> bool {
        let mut at = 0;
        while at < rules.len() {
            if rules[at] as u8 == self as u8 {
                return true;
            }
            at += 1;
        }
        false
    }
}

/// Judges a whole stack, outermost policy first: ranges, then rules, up to the first violation.
pub const fn judge(stack: &[Policy], allow: &[Rule], strict: bool) -> Option<Violation> {
    let mut at = 0;
    while at < stack.len() {
        if let Some(found) = stack[at].check(at) {
            return Some(found);
        }
        at += 1;
    }
    let mut at = 0;
    while at < Rule::ALL.len() {
        let rule = Rule::ALL[at];
        if (strict || !rule.strict())
            && !rule.is_in(allow)
            && let Some(found) = rule.check(stack)
        {
            return Some(found);
        }
        at += 1;
    }
    None
}

/// The shortest time that the policies of `stack` from `from` up to `to` give to what is below them.
const fn shortest_bound(stack: &[Policy], from: usize, to: usize) -> Option<std::time::Duration> {
    let mut shortest: Option<std::time::Duration> = None;
    let mut at = from;
    while at < to {
        shortest = match (stack[at].facts().bounds, shortest) {
            (Some(bound), Some(known)) if !crate::shorter(bound, known) => Some(known),
            (None, known) => known,
            (bound, _) => bound,
        };
        at += 1;
    }
    shortest
}

#[cfg(test)]
mod tests;
