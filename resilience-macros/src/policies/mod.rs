//! One file per policy: its arguments, and the code it becomes.

mod bulkhead;
mod circuit_breaker;
mod fallback;
mod idempotent;
mod retry;
mod timeout;

use proc_macro2::TokenStream;

pub(crate) use fallback::Answer;

use crate::args::Args;
use crate::error::{Place, Result};
use crate::layer::{Params, Wrap};

/// What an attribute says.
pub(crate) type Parsed = (Params, Box<dyn Wrap>);

/// A policy: its name, an argument to show in a message, and how its arguments are read.
pub(crate) struct Policy {
    pub(crate) name: &'static str,
    example: &'static str,
    read: fn(Args) -> Result<Parsed>,
}

/// Every policy there is.
pub(crate) const ALL: &[Policy] = &[
    Policy { name: "timeout", example: "ms = 500", read: timeout::read },
    Policy { name: "retry", example: "attempts = 3", read: retry::read },
    Policy { name: "circuit_breaker", example: "failure_rate = 0.5", read: circuit_breaker::read },
    Policy { name: "bulkhead", example: "max = 32", read: bulkhead::read },
    Policy { name: "fallback", example: "when = |error| ...", read: fallback::read },
    Policy { name: "idempotent", example: "key = order.id", read: idempotent::read },
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
