use super::Rule;
use crate::{Policy, Text, Violation};

pub(super) const STRICT: bool = false;

pub(super) const PAGE: &str = "\
A repetition of an operation that nobody has made safe to repeat.

An attempt that failed may have had its effect: the reply was lost, not the charge. A second attempt then charges
twice. A hedge starts it beside the first, which goes on. So a policy that repeats needs one of these in its stack:

- `#[idempotent(key = ...)]`: the call gets a key that is the same for every attempt. The claim alone protects the
  *call*; the attempts under it are protected by the callee, when the body hands it `context::idempotency_key()`.
- `repeatable`, or better `repeatable = \"why\"`: the operation is safe to repeat by nature, as a read is.
- `only_if = expr` on a retry: some calls are safe to repeat and others are not, and the arguments tell which.

Below `guarantee = at_most_once` nothing may repeat at all, since an attempt that may have run must not be followed
by another one.
";

pub(super) const fn check(stack: &[Policy]) -> Option<Violation> {
    let mut remembered = false;
    let mut at = 0;
    while at < stack.len() {
        remembered |= stack[at].facts().remembers.is_some();
        at += 1;
    }
    let mut below_at_most_once = false;
    let mut at = 0;
    while at < stack.len() {
        let facts = stack[at].facts();
        if let Some(repeats) = facts.repeats {
            if below_at_most_once {
                let text = Text::new("an attempt that may have run must not be repeated below `guarantee = at_most_once`")
                    .help("move this policy above `#[idempotent]`, remove it, or take the default `guarantee = dedup`");
                return Some(Violation::of(Rule::RetryUnsafe, at, "", text));
            }
            if !remembered && !repeats.declared_safe {
                let text = Text::new("this repeats an operation that nobody has made safe to repeat").help(
                    "give the call a key with `#[idempotent(key = ...)]` and hand `context::idempotency_key()` to the \
                     callee, or say `repeatable = \"why\"` of an operation that is safe by nature, such as a read",
                );
                return Some(Violation::of(Rule::RetryUnsafe, at, "", text));
            }
        }
        if let Some(memory) = facts.remembers {
            below_at_most_once |= memory.at_most_once;
        }
        at += 1;
    }
    None
}
