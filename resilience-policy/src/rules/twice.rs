use super::Rule;
use crate::{Policy, Text, Violation, longer};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
The same policy twice in a row.

Two adjacent policies of one kind with the same arguments are a slip of the hand. Of two adjacent timeouts the longer
one can never fire.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut at = 1;
    while at < stack.len() {
        let (upper, lower) = (&stack[at - 1], &stack[at]);
        if let (Some(outer), Some(inner)) = (upper.facts().bounds, lower.facts().bounds) {
            let dead = if longer(outer, inner) { at - 1 } else { at };
            let text = Text::new("of two adjacent timeouts (").time(outer).str(" and ").time(inner)
                .str(") the longer one can never fire").help("remove one, or put the policy between them that they are meant for");
            return Some(Violation::of(Rule::Twice, dead, "after", text));
        }
        if upper.same(lower) {
            let text = Text::new("`#[").str(lower.name()).str("]` stands twice in a row with the same arguments").help("remove one of them");
            return Some(Violation::of(Rule::Twice, at, "", text));
        }
        at += 1;
    }
    None
}
