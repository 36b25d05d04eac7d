use super::{Rule, shortest_bound};
use crate::{Policy, Text, Violation};

pub(super) const STRICT: bool = true;

pub(super) const PAGE: &str = "\
A stack that holds something for as long as the call takes, without a timeout. (Feature `strict`.)

A call that hangs is the commonest failure of all. Without a timeout it holds its permit, its claim or its place in a
retry for ever.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    if shortest_bound(stack, 0, stack.len()).is_some() {
        return None;
    }
    let mut at = 0;
    while at < stack.len() {
        if stack[at].facts().bounds_each {
            return None;
        }
        at += 1;
    }
    let mut at = 0;
    while at < stack.len() {
        if stack[at].facts().holds {
            let text = Text::new("nothing bounds the time of this call").help("add `#[timeout(ms = ...)]` below this policy");
            return Some(Violation::of(Rule::NoTimeout, at, "", text));
        }
        at += 1;
    }
    None
}
