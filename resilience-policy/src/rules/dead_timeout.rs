use super::{Rule, shortest_bound};
use crate::{Policy, Text, Violation, shorter};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
An inner timeout that is not shorter than an outer one: the outer one always fires first.

The usual cause is two numbers that were swapped: the timeout above a retry is the total, the one below it is for
each attempt.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 1;
    while at < stack.len() {
        // Two adjacent ones are the business of `twice`.
        if let (Some(inner), None) = (stack[at].facts().bounds, stack[at - 1].facts().bounds)
            && let Some(outer) = shortest_bound(stack, 0, at)
            && !shorter(inner, outer)
        {
            let text = Text::new("this timeout (").time(inner).str(") is not shorter than the one above it (").time(outer)
                .str("), so it can never fire")
                .help("the upper one is the total, the lower one is for each attempt: make this one shorter, or remove it");
            return Some(Violation::of(Rule::DeadTimeout, at, "after", text));
        }
        at += 1;
    }
    None
}
