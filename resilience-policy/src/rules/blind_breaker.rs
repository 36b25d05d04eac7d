use super::Rule;
use crate::{Policy, Text, Violation};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A breaker that needs more calls than its window holds: it can never open.

`min_calls` is reached within the window, so with `window = 20` it can be 20 at most.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 0;
    while at < stack.len() {
        if let Some(window) = stack[at].facts().window
            && window.min_calls > window.calls
        {
            let text = Text::new("this breaker can never open by its rate: it decides after ").num(window.min_calls as u128)
                .str(" calls, and its window holds ").num(window.calls as u128)
                .help("make `min_calls` at most as large as `window`, or leave it out");
            return Some(Violation::of(Rule::BlindBreaker, at, "min_calls", text));
        }
        at += 1;
    }
    None
}
