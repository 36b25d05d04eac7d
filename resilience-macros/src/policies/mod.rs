//! One file per policy: its arguments, and the code it becomes.

mod bulkhead;
mod circuit_breaker;
mod exclusive;
mod fallback;
mod hedge;
mod idempotent;
mod rate_limit;
mod retry;
mod timeout;

use proc_macro2::TokenStream;

pub(crate) use fallback::Answer;

use crate::args::Args;
use crate::error::{Place, Result};
use crate::layer::Wrap;
use crate::params::Params;

/// What an attribute says.
pub(crate) type Parsed = (Params, Box<dyn Wrap>);

/// A policy: its name, an argument to show in a message, and how its arguments are read.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    pub(crate) example: &'static str,
    /// Why a block cannot give it to all its methods, if it cannot: what differs from method to method.
    pub(crate) per_method: Option<&'static str>,
    read: fn(Args) -> Result<Parsed>,
}

/// Every policy there is.
pub(crate) const ALL: &[Policy] = &[
    Policy { name: "timeout", example: "ms = 500", per_method: None, read: timeout::read },
    Policy { name: "retry", example: "attempts = 3", per_method: None, read: retry::read },
    Policy {
        name: "circuit_breaker",
        example: "failure_rate = 0.5",
        per_method: None,
        read: circuit_breaker::read,
    },
    Policy { name: "bulkhead", example: "max = 32", per_method: None, read: bulkhead::read },
    Policy { name: "rate_limit", example: "permits = 100", per_method: None, read: rate_limit::read },
    Policy { name: "hedge", example: "after = \"50ms\"", per_method: None, read: hedge::read },
    Policy {
        name: "fallback",
        example: "|error| ..., when = |error| ...",
        per_method: Some("a substitute is one method's own"),
        read: fallback::read,
    },
    Policy {
        name: "idempotent",
        example: "key = order.id",
        per_method: Some("each operation has a key of its own"),
        read: idempotent::read,
    },
    Policy {
        name: "exclusive",
        example: "key = job",
        per_method: Some("each function has a right of its own"),
        read: exclusive::read,
    },
];

impl Policy {
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|policy| policy.name == name)
    }

    pub(crate) fn parse(&self, place: Place, tokens: TokenStream) -> Result<Parsed> {
        // Its function is the one argument that has no name.
        let (answer, named) = if self.name == "fallback" { fallback::split(tokens)? } else { (None, tokens) };
        let mut args = Args::parse(self.name, self.example, place, named)?;
        args.answer = answer;
        (self.read)(args)
    }
}
