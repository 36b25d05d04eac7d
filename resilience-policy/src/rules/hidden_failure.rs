use super::Rule;
use crate::{Policy, Text, Violation};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A fallback that answers every failure before a policy above it has seen one.

A retry above such a fallback never repeats, a breaker never opens, a hedge takes the substitute for the first success,
and a ledger keeps the substitute as the result of
the operation and replays it for as long as the record lives. Put the fallback on top, where what the others could not
mend arrives. With `when` it answers what it accepts, and hides only that.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut watcher = None;
    let mut at = 0;
    while at < stack.len() {
        let facts = stack[at].facts();
        if let (true, Some(above)) = (facts.hides_failure, watcher) {
            let above: &Policy = above;
            let text = Text::new("this answers every failure, and the `#[").str(above.name());
            let text = if above.facts().remembers.is_some() {
                text.str("]` above it would keep the answer as the result of the operation")
            } else {
                text.str("]` above it would never see one")
            };
            let text = text.help("move it above `#[").str(above.name()).str("]`, or say which errors it answers: `when = |error| ...`");
            return Some(Violation::of(Rule::HiddenFailure, at, "", text));
        }
        if watcher.is_none() && facts.watches_failure {
            watcher = Some(&stack[at]);
        }
        at += 1;
    }
    None
}
