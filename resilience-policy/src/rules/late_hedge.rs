use super::{Rule, shortest_bound};
use crate::{Pace, Policy, Repeats, Text, Violation, shorter};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A hedge whose delay is not shorter than the timeout above it: the timeout always fires first.

A second attempt that starts when the call is cut, or later, exists on paper only. The rule judges delays that are
written; one that is observed (`after = p95`) is known only when the program runs.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 1;
    while at < stack.len() {
        if let Some(Repeats { pace: Pace::WhileRunning { after: Some(after) }, .. }) = stack[at].facts().repeats
            && let Some(outer) = shortest_bound(stack, 0, at)
            && !shorter(after, outer)
        {
            let text = Text::new("this hedge starts after ").time(after).str(", and the timeout above it (").time(outer)
                .str(") fires first")
                .help("hedge the slowest few calls: take a delay near the time that 95 of 100 calls take, or `after = p95`");
            return Some(Violation::of(Rule::LateHedge, at, "after", text));
        }
        at += 1;
    }
    None
}
