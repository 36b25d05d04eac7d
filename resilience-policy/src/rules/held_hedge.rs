use super::Rule;
use crate::{Pace, Policy, Repeats, Text, Violation};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A hedge above a policy that lets one run at a time: its second attempt finds the right held by the first.

A hedge starts another attempt while the first still runs, and that is what the policy below is there to prevent: the
attempt is turned away, or waits until the first has ended. It never answers sooner.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut overlaps = None;
    let mut at = 0;
    while at < stack.len() {
        let facts = stack[at].facts();
        if facts.excludes.is_some()
            && let Some(hedge) = overlaps
        {
            let text = Text::new("the second attempt of this hedge always finds the right held by the first: `#[")
                .str(stack[at].name()).str("]` below it lets one run at a time")
                .help("remove the hedge; or put it below, where its attempts share the right");
            return Some(Violation::of(Rule::HeldHedge, hedge, "", text));
        }
        if let Some(Repeats { pace: Pace::WhileRunning { .. }, .. }) = facts.repeats {
            overlaps = Some(at);
        }
        at += 1;
    }
    None
}
