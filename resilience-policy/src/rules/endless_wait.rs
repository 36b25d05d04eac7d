use super::{Rule, shortest_bound};
use crate::{Policy, Text, Violation, shorter};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A `max_wait` that is not shorter than the timeout above it: the timeout always fires first.

A call that waits for so long has no time left to run. Its rejection would say what it waited for, and the caller gets
a `Timeout` or a `DeadlineExceeded` instead.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 1;
    while at < stack.len() {
        if let Some(wait) = stack[at].facts().waits
            && let Some(outer) = shortest_bound(stack, 0, at)
            && !shorter(wait, outer)
        {
            let text = Text::new("this `max_wait` (").time(wait).str(") is not shorter than the timeout above it (").time(outer)
                .str("), which fires first")
                .help("what is left of the timeout is the time to run: make `max_wait` shorter, or leave it out");
            return Some(Violation::of(Rule::EndlessWait, at, "max_wait", text));
        }
        at += 1;
    }
    None
}
