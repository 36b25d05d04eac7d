//! The rule book of `resilience`: what a failure policy may say.
//!
//! One plain struct per policy with its defaults and ranges, and the rules that judge a stack of them.
//! Everything is `const`, because a rule has two moments: the attributes call it on literals, and a `const` item
//! in the expansion calls it on values that only the compiler knows.

#![forbid(unsafe_code)]

mod facts;
mod rules;
mod state;
mod text;
mod time;
mod violation;

pub use facts::{Facts, Memory, Pace, Repeats, Window as CountWindow};
pub use rules::{Rule, judge};
pub use state::StateOf;
pub use text::Text;
pub use time::{literal, longer, shorter};
pub use violation::Violation;

/// Declares a file per policy and the enum over them: the one list that knows every policy.
macro_rules! policies {
    ($($(#[$doc:meta])* $variant:ident = $module:ident,)*) => {
        $(pub mod $module;)*

        /// One policy of a stack, with its parameters.
        #[derive(Debug, Clone, Copy, PartialEq)]
        #[non_exhaustive]
        pub enum Policy {
            $($(#[$doc])* $variant($module::$variant),)*
        }

        impl Policy {
            /// The attribute's name.
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => stringify!($module),)* }
            }

            /// What the rules may know about this policy.
            pub const fn facts(&self) -> Facts {
                match self { $(Self::$variant(policy) => policy.facts(),)* }
            }

            /// The first parameter out of its range; `at` is the policy's place in its stack.
            pub const fn check(&self, at: usize) -> Option<Violation> {
                match self { $(Self::$variant(policy) => policy.check(at),)* }
            }

            /// Whether `other` is the same policy with the same parameters.
            pub const fn same(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$variant(one), Self::$variant(two)) => one.same(two),)*
                    _ => false,
                }
            }
        }

        /// The names of all policies, as the attributes are written.
        pub const NAMES: &[&str] = &[$(stringify!($module)),*];
    };
}

policies! {
    /// `#[timeout]`
    Timeout = timeout,
    /// `#[retry]`
    Retry = retry,
    /// `#[circuit_breaker]`
    CircuitBreaker = circuit_breaker,
    /// `#[bulkhead]`
    Bulkhead = bulkhead,
    /// `#[rate_limit]`
    RateLimit = rate_limit,
    /// `#[hedge]`
    Hedge = hedge,
    /// `#[fallback]`
    Fallback = fallback,
    /// `#[idempotent]`
    Idempotent = idempotent,
    /// `#[exclusive]`
    Exclusive = exclusive,
}
